"""Utterances with their dialogue from shards of conversations: samples, windows, ranks, damage."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from affectkit.curriculum import BabyStepCurriculum, HclDifficulty, StoredDifficulty
from affectkit.data import AffectBatch, DialogueTextDataModule
from affectkit.data.modules import ConversationDataModule
from affectkit.data.schema import ConversationRecord, ShardError, UtteranceRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.store.utterance_view import UtteranceView
from affectkit.encoders import DialogueWindowText, TextTokenizer
from affectkit.labels import LabelSpace, label_space

pytest.importorskip("transformers", reason="needs the extra 'text'")
SIZES = (1, 4, 2, 3)
WORDS = ("oh", "no", "yes, it is", "why")


def record(dialogue: int, turns: int) -> ConversationRecord:
    said: list[UtteranceRecord] = [
        {
            "id": f"u{turn}",
            "text": WORDS[(dialogue + turn) % 4],
            "speaker": turn % 2,
            "label": None if turn == 2 else (dialogue + turn) % 7,
            "extra": {"sentiment": turn % 3},
        }
        for turn in range(turns)
    ]
    return {"id": f"{dialogue}", "speakers": ["Ann", "Bob"], "utterances": said, "difficulty": float(turns)}


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("talk") / "set"
    template = Manifest(
        name="talk",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        extra_spaces={"sentiment": LabelSpace("s3", ("a", "b", "c"))},
    )
    with DatasetWriter(folder, template, shard_samples=2) as writer:
        for split in ("train", "val", "test"):
            for dialogue, turns in enumerate(SIZES):
                writer.add_conversation(split, f"{split}{dialogue}", record(dialogue, turns))
    return str(folder)


def data(root: str, **options: object) -> DialogueTextDataModule:
    return DialogueTextDataModule(root, "tiny", **{"budget": 30, "batch_size": 4, **options})  # type: ignore[arg-type]


def test_every_utterance_is_a_sample(talk: str) -> None:
    module = data(talk)
    view = module.store("test")
    assert isinstance(view, UtteranceView) and len(view) == 10 and list(view.counts) == [5, 5]
    assert [view.key(place) for place in range(10)] == [
        *("test0#0", "test1#0", "test1#1", "test1#2", "test1#3"),
        *("test2#0", "test2#1", "test3#0", "test3#1", "test3#2"),
    ]
    assert view.describe(4).endswith("sample 'test1', utterance 3")
    again = pickle.loads(pickle.dumps(view))
    assert again.key(9) == "test3#2" and bytes(again.get(9)["turn"]) == b"2"
    conversations = ConversationDataModule(talk).store("test")
    assert view.fingerprint != conversations.fingerprint and view.split == "test"
    assert int(module.class_counts("train").sum()) == 8


def test_batches_hold_windows_and_where_the_utterance_stands(talk: str) -> None:
    module = data(talk)
    window = DialogueWindowText(TextTokenizer("tiny"), budget=30)
    rows = 0
    for batch in module.test_dataloader():
        ids, mask, current = batch.inputs["text"], batch.masks["text"], batch.masks["current"]
        assert batch.target.label is not None and batch.target.extra is not None
        for row, key in enumerate(batch.keys):
            if not batch.valid[row]:
                continue
            rows += 1
            dialogue, turn = (int(part) for part in key.removeprefix("test").split("#"))
            talk_ = record(dialogue, SIZES[dialogue])["utterances"]
            names = ["Ann" if one["speaker"] == 0 else "Bob" for one in talk_]
            expected = window(names, [one["text"] for one in talk_])[turn]
            assert ids[row, mask[row]].tolist() == expected.ids
            assert ids[row, current[row]].tolist() == expected.ids[expected.start : expected.stop]
            label = talk_[turn]["label"]
            assert batch.target.label[row] == (-100 if label is None else label)
            assert batch.target.extra["sentiment"][row] == turn % 3
            assert batch.meta["text"][row] == talk_[turn]["text"]  # type: ignore[index]
    assert rows == 10


def test_past_only_windows_are_shorter(talk: str) -> None:
    both, past = data(talk).lengths("train"), data(talk, future=0).lengths("train")
    assert both is not None and past is not None
    assert all(one >= other for one, other in zip(both, past, strict=True)) and sum(both) > sum(past)
    assert data(talk, bucket_by_length=False).lengths("train") is None
    assert data(talk, shuffle="lanes", lanes=2).lengths("train") is None


def test_any_number_of_ranks_reads_every_utterance_once(talk: str) -> None:
    def shown(rank: int, ranks: int) -> list[AffectBatch]:
        module = data(talk)
        share = {"rank": rank, "num_replicas": ranks}
        module.trainer = SimpleNamespace(distributed_sampler_kwargs=share)  # type: ignore[assignment]
        return [*module.train_dataloader(), *module.test_dataloader()]

    alone, one, two = shown(0, 1), shown(0, 2), shown(1, 2)
    for whole, left, right in zip(alone, one, two, strict=True):
        assert whole.keys == left.keys + right.keys
    tested = [key for b in alone for key, real in zip(b.keys, b.valid) if real and key.startswith("test")]
    assert sorted(tested) == sorted(set(tested)) and len(tested) == 10


def test_a_dialogues_difficulty_is_that_of_its_utterances(talk: str) -> None:
    module = data(talk, curriculum=BabyStepCurriculum(StoredDifficulty(), buckets=2))
    assert module.difficulties() == [1.0, *[4.0] * 4, *[2.0] * 2, *[3.0] * 3]
    assert {key.partition("#")[0] for key, _ in module.curriculum_order(0)} == {"train0", "train2", "train3"}
    shifts = data(talk, difficulty=HclDifficulty()).difficulties()
    conversations = ConversationDataModule(talk, difficulty=HclDifficulty()).difficulties()
    assert shifts is not None and conversations is not None
    assert shifts == [value for value, turns in zip(conversations, SIZES) for _ in range(turns)]


def test_a_damaged_dialogue_is_named_or_masked(talk: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for path in Path(talk).iterdir():
        content = path.read_bytes()
        if path.name == "train-00000.tar":
            content = content.replace(b'"speakers":["Ann","Bob"]', b'"speakers":["Ann","Bob"}', 1)
        (folder / path.name).write_bytes(content)
    with pytest.raises(ShardError, match="train0"):
        data(str(folder), verify="size").train_dataloader()
    masked = data(str(folder), verify="size", damage="mask", max_damaged=5, batch_size=5)
    with pytest.warns(UserWarning, match="train0"):
        batches = list(masked.train_dataloader())
    weights = {
        key: float(weight)
        for batch in batches
        if batch.target.weight is not None
        for key, weight in zip(batch.keys, batch.target.weight)
    }
    assert weights.pop("train0#0") == 0.0 and set(weights.values()) == {1.0} and len(weights) == 9


def test_workers_make_the_same_batches(talk: str) -> None:
    def tensors(module: DialogueTextDataModule) -> list[torch.Tensor]:
        return [batch.inputs["text"] for batch in module.train_dataloader()]

    here = tensors(data(talk))
    made = tensors(data(talk, num_workers=1, multiprocessing_context="fork"))
    assert all(torch.equal(a, b) for a, b in zip(here, made, strict=True))

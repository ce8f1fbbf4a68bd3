"""Utterances as prompts: what they show, what they never show, and in which order they come."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from affectkit.conversation.prompts import ChatMessage, ConversationPrompter, PromptError, Turn
from affectkit.conversation.retrieval import Demonstration, DemonstrationError, DemonstrationIndex
from affectkit.curriculum import BabyStepCurriculum, HclDifficulty
from affectkit.data.batch import AffectBatch
from affectkit.data.loader import PromptSample, index_conversations
from affectkit.data.loader.dialogue_text import DialogueTurn
from affectkit.data.modules import ConversationPromptDataModule, DataModuleError
from affectkit.data.schema import ConversationRecord, ShardError, UtteranceRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.data.store import open_store
from affectkit.labels import LabelSpaceMismatchError, label_space

pytest.importorskip("transformers", reason="needs the extra 'llm'")

SPACE = label_space("meld7.official")


def data(root: str, **options: Any) -> ConversationPromptDataModule:
    return ConversationPromptDataModule(root, "tiny", **{"batch_size": 4, **options})


def rows(batches: Sequence[AffectBatch]) -> dict[str, tuple[int, list[ChatMessage], list[int]]]:
    """Label, chat and ids of each valid row, by its key."""
    found = {}
    for batch in batches:
        ids, mask, label = batch.inputs["prompt"], batch.masks["prompt"], batch.target.label
        chats = batch.meta["messages"]
        assert label is not None and isinstance(chats, list)
        for place, key in enumerate(batch.keys):
            if bool(batch.valid[place]):
                assert key not in found
                found[key] = (int(label[place]), chats[place], ids[place][mask[place]].tolist())
    return found


def records(root: str, split: str) -> dict[str, ConversationRecord]:
    store = open_store(root, split)
    return {store.key(n): json.loads(bytes(store.get(n)["json"])) for n in range(len(store))}


def test_a_prompt_is_the_prompters_and_every_utterance_comes_once(dialogues: str) -> None:
    module = data(dialogues, context="both", context_window=2)
    found = rows(list(module.test_dataloader()))
    prompter = ConversationPrompter(list(SPACE), context="both", window=2)
    expected = {}
    for key, record in records(dialogues, "test").items():
        turns = [Turn(record["speakers"][one["speaker"]], one["text"]) for one in record["utterances"]]
        for turn, utterance in enumerate(record["utterances"]):
            chat = prompter.messages(turns, turn)
            expected[f"{key}#{turn}"] = (utterance["label"], chat, module.tokenizer.prompt(chat))
    assert found == expected
    assert module.prompt_facts()["context"] == "both"


def test_demonstrations_are_of_other_conversations_of_the_train_split(dialogues: str) -> None:
    module = data(dialogues, demonstrations=3)
    index = module.demonstration_index()
    assert index is not None
    train, test = records(dialogues, "train"), records(dialogues, "test")
    assert {one.conversation for one in index.demonstrations} == {f"dialogues/{key}" for key in train}
    answers = {f"{name}!": name for name in SPACE}
    shown = 0
    for split, loader in (("train", module.examples_dataloader()), ("test", module.test_dataloader())):
        texts = {
            f"{key}#{turn}": one["text"]
            for key, record in (train if split == "train" else test).items()
            for turn, one in enumerate(record["utterances"])
        }
        for key, (_, chat, _) in rows(list(loader)).items():
            block = next((p for p in chat[0]["content"].split("\n\n") if p.startswith("Utterances of")), "")
            lines = block.splitlines()[1:]
            said = [line.split('"')[1] for line in lines]
            # The text of every label is its name here, so that the answer shows that labels are right.
            assert [line.rpartition(" ")[2] for line in lines] == [answers[text] for text in said]
            assert len(set(said)) == len(said) <= 3 and texts[key] not in said
            shown += len(said)
    assert shown


def test_labels_and_words_follow_the_order_of_the_run(dialogues: str) -> None:
    other = label_space("meld7.merbench")
    one = rows(list(data(dialogues, demonstrations=2).test_dataloader()))
    two = rows(list(data(dialogues, demonstrations=2, label_space=other.name).test_dataloader()))
    words = [f"w{place}" for place in range(7)]
    three = rows(list(data(dialogues, demonstrations=2, label_words=words).test_dataloader()))
    mapping = SPACE.map_to(other)
    for key, (label, chat, _) in one.items():
        assert two[key][0] == mapping(label) and three[key][0] == label
        listed = f"Labels: {', '.join(SPACE)}"
        assert chat[0]["content"].endswith(listed)
        # Names of labels are the same in both spaces, and so are the demonstrations.
        assert two[key][1][0]["content"] == chat[0]["content"].replace(listed, f"Labels: {', '.join(other)}")
        assert f"Labels: {', '.join(words)}" in three[key][1][0]["content"]
        for line in three[key][1][0]["content"].splitlines():
            if line.startswith('"'):
                assert line.endswith(words[SPACE.index(line.split('"')[1].rstrip("!"))])


def test_a_curriculum_opens_whole_conversations(dialogues: str) -> None:
    module = data(dialogues, curriculum=BabyStepCurriculum(HclDifficulty(), buckets=3), batch_size=2)
    train = records(dialogues, "train")
    hard = {}
    for key, record in train.items():
        turns = record["utterances"]
        hard[key] = HclDifficulty()([one["label"] or 0 for one in turns], [one["speaker"] for one in turns])
    # Stable, so that equally hard ones keep their order in the store.
    easiest = sorted(train, key=hard.__getitem__)
    for epoch, share in ((0, 5), (1, 9), (2, 13), (7, 13)):
        expected = [f"{key}#{n}" for key in easiest[:share] for n in range(len(train[key]["utterances"]))]
        opened = module.curriculum_order(epoch)
        assert [key for key, _ in opened] == expected
        assert [value for _, value in opened] == [hard[key.split("#")[0]] for key in expected]
        assert set(module.shown_keys(epoch)) <= set(expected)
    # In the smallest stage every open utterance is shown, most of them several times.
    assert set(module.shown_keys(0)) == {key for key, _ in module.curriculum_order(0)}


def test_what_is_known_is_shown_and_must_be_there(dialogues: str, tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    keys = [
        f"{key}#{turn}"
        for split in ("train", "val", "test")
        for key, record in records(dialogues, split).items()
        for turn in range(len(record["utterances"]))
    ]
    known.write_text(
        "".join(json.dumps({"key": key, "implicit": f"about {key}"}) + "\n" for key in keys), encoding="utf-8"
    )
    module = data(dialogues, knowledge=str(known))
    module.setup("fit")
    for key, (_, chat, _) in rows(list(module.test_dataloader())).items():
        assert f"Implicit: about {key}\n" in chat[0]["content"] + "\n"
    known.write_text("".join(json.dumps({"key": key}) + "\n" for key in keys if "test" not in key))
    module = data(dialogues, knowledge=str(known))
    module.setup("fit")
    with pytest.raises(PromptError, match=r"known\.jsonl says nothing about utterance 'test00#0'"):
        module.setup("test")


def test_an_index_from_a_file_is_of_the_same_encoder_and_of_train(dialogues: str, tmp_path: Path) -> None:
    index = index_conversations(open_store(dialogues, "train"))
    index.save(tmp_path / "own.safetensors")
    one = rows(list(data(dialogues, demonstrations=2).test_dataloader()))
    file = str(tmp_path / "own.safetensors")
    assert rows(list(data(dialogues, demonstrations=2, demonstration_index=file).test_dataloader())) == one
    with pytest.raises(DemonstrationError, match="from the split 'test'"):
        index_conversations(open_store(dialogues, "test"))
    with pytest.raises(DemonstrationError, match="no features 'visual'"):
        index_conversations(open_store(dialogues, "train"), modality="visual")
    foreign = DemonstrationIndex(
        index.vectors, index.demonstrations, label_space=index.label_space, encoder="another"
    )
    file = str(tmp_path / "foreign.safetensors")
    foreign.save(file)
    with pytest.raises(DemonstrationError, match="encoded by 'another', but the queries by 'none'"):
        data(dialogues, demonstrations=2, demonstration_index=file).setup("test")
    other = DemonstrationIndex(
        index.vectors,
        [one._replace(label=0) for one in index.demonstrations],
        label_space=label_space("iemocap6.erc"),
        encoder=index.encoder,
    )
    file = str(tmp_path / "other.safetensors")
    other.save(file)
    with pytest.raises(LabelSpaceMismatchError):
        data(dialogues, demonstrations=2, demonstration_index=file).setup("test")


def test_an_index_of_the_test_split_is_refused_whatever_its_file_says(dialogues: str, tmp_path: Path) -> None:
    leak = index_conversations(open_store(dialogues, "test"), splits=["test"])
    file = str(tmp_path / "test.safetensors")
    leak.save(file)
    with pytest.raises(DemonstrationError, match="from the split 'test', and only 'train' may be shown"):
        data(dialogues, demonstrations=2, demonstration_index=file).setup("fit")
    # Demonstrations that call themselves "train".
    saved([one._replace(split="train") for one in leak.demonstrations], leak, file)
    for stage in ("fit", "test", "predict"):
        with pytest.raises(DemonstrationError, match=r"hold the conversation 'dialogues/test\d\d', which is"):
            data(dialogues, demonstrations=2, demonstration_index=file).setup(stage)


def test_an_index_of_another_fold_is_refused(tmp_path: Path) -> None:
    folds = [str(tmp_path / "one"), str(tmp_path / "two")]
    for root, train, val in ((folds[0], (0, 1, 2), (3,)), (folds[1], (0, 1, 3), (2,))):
        template = Manifest(
            name="talks",
            kind="conversation",
            label_space=SPACE,
            licence=Licence("CC0", "synthetic"),
            created_by="a test",
            features={"text": FeatureSpec(2, "float32", "none")},
        )
        with DatasetWriter(root, template) as writer:
            for split, numbers in (("train", train), ("val", val)):
                for number in numbers:
                    writer.add_conversation(
                        split, f"talk{number}", talk(number), features={"text": torch.ones(4, 2)}
                    )
    index = index_conversations(open_store(folds[0], "train"))
    file = str(tmp_path / "index.safetensors")
    index.save(file)
    data(folds[0], demonstrations=1, demonstration_index=file).setup("fit")
    with pytest.raises(DemonstrationError, match=r"'talks/talk2', which is 'talk2' of the split 'val'"):
        data(folds[1], demonstrations=1, demonstration_index=file).setup("fit")
    # The fold had another name, and wrote texts otherwise.
    renamed = [
        one._replace(conversation=one.conversation.replace("talks/talk", "fold/a"), text=one.text.upper())
        for one in index.demonstrations
    ]
    saved(renamed, index, file)
    with pytest.raises(DemonstrationError, match=r"'fold/a2', which is 'talk2' of the split 'val'"):
        data(folds[1], demonstrations=1, demonstration_index=file).setup("fit")
    # Numbered anew, so that a name of the run's train split stands for one of its validation.
    anew = {"talks/talk0": "talks/talk1", "talks/talk1": "talks/talk2", "talks/talk2": "talks/talk0"}
    saved([o._replace(conversation=anew[o.conversation]) for o in index.demonstrations], index, file)
    with pytest.raises(DemonstrationError, match=r"'talks/talk0', which is 'talk2' of the split 'val'"):
        data(folds[1], demonstrations=1, demonstration_index=file).setup("fit")
    # A text or two in common are no leak.
    saved([o._replace(conversation="fold/b") for o in index.demonstrations if "2" not in o.text], index, file)
    data(folds[1], demonstrations=1, demonstration_index=file).setup("fit")


def talk(number: int) -> ConversationRecord:
    texts = [f"First of {number}.", f"Second of {number}.", f"Third of {number}.", "Yes."]
    turns: list[UtteranceRecord] = [
        {"id": str(turn), "text": text, "speaker": 0, "label": turn} for turn, text in enumerate(texts)
    ]
    return {"id": str(number), "speakers": ["a"], "utterances": turns}


def saved(kept: Sequence[Demonstration], like: DemonstrationIndex, file: str) -> None:
    vectors = torch.ones(len(kept), like.vectors.shape[1])
    DemonstrationIndex(vectors, kept, label_space=like.label_space, encoder=like.encoder).save(file)


def test_what_lies_in_a_worker_is_the_same(dialogues: str) -> None:
    module = data(dialogues, demonstrations=2)
    module.setup("test")
    store, decode, collate = module.store("test"), module.decoder("test"), module.collate("test")
    samples = [decode(store.get(place)) for place in range(3)]
    rest: dict[str, Any] = {
        "keys": ["a#0", "b#0", "c#0"],
        "positions": [0, 1, 2],
        "valid": [True, True, False],
    }
    one, two = collate(samples, **rest), pickle.loads(pickle.dumps(collate))(samples, **rest)
    assert torch.equal(one.inputs["prompt"], two.inputs["prompt"]) and one.meta == two.meta
    assert one.target.weight is not None and one.target.weight.tolist() == [1.0, 1.0, 0.0]


def test_an_utterance_without_its_feature_gets_no_demonstrations(dialogues: str) -> None:
    collate = data(dialogues, demonstrations=2).collate("test")
    turn: UtteranceRecord = {"id": "0", "text": "Hm.", "speaker": 0, "label": None}
    sample = PromptSample(DialogueTurn({"id": "x", "speakers": ["a"], "utterances": [turn]}, 0), None)
    batch = collate([sample], keys=["x#0"], positions=[0], valid=[True])
    chats = batch.meta["messages"]
    assert isinstance(chats, list) and "other conversations" not in chats[0][0]["content"]
    assert batch.target.label is not None and batch.target.label.tolist() == [-100]


def test_a_prompt_that_is_too_long_names_its_utterance(dialogues: str) -> None:
    with pytest.raises(ShardError, match=r"Utterance 'test00#0': The prompt for .* and 40 are allowed"):
        list(data(dialogues, max_tokens=40).test_dataloader())


def test_what_does_not_fit_is_refused(dialogues: str, make_dialogues: Any) -> None:
    with pytest.raises(DataModuleError, match="demonstrations=0"):
        data(dialogues, demonstration_index="file")
    with pytest.raises(DataModuleError, match="2 label_words for the 7 labels"):
        data(dialogues, label_words=["a", "b"]).setup("test")
    bare = make_dialogues(space=None)
    with pytest.raises(DataModuleError, match="no labels to choose from"):
        data(bare).setup("test")
    # Without labels of its own, a set can still be asked about in the labels of a run.
    batch = next(iter(data(bare, label_space="meld7.official").predict_dataloader()))
    assert batch.target.label is None and len(batch) == 4
    with pytest.raises(DataModuleError, match="no labels to show as demonstrations"):
        data(bare, label_space="meld7.official", demonstrations=1).setup("test")

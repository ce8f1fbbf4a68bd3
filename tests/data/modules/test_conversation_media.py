"""Conversations with the media of their turns: what a batch holds, what is missing, what is damaged."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from affectkit.curriculum import BabyStepCurriculum, HclDifficulty
from affectkit.data import AffectBatch, ConversationMediaDataModule
from affectkit.data.loader.conversation_media import ConversationMediaReader
from affectkit.data.modules import DataModuleError
from affectkit.data.schema import ConversationRecord, ShardError
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest, open_shards
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.data.synthetic.wav_bytes import wav_bytes
from affectkit.encoders import TextTokenizer
from affectkit.labels import label_space

pytest.importorskip("transformers", reason="needs the extra 'text'")
RATE = 8000  # of what wav_bytes writes
TURNS = {"one": 1, "three": 3, "two": 2}


def wave(samples: int, level: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(samples, level, dtype=np.float32)


def picture(height: int, width: int, value: int) -> bytes:
    return png_bytes(np.full((height, width, 3), value, dtype=np.uint8))


#: Media of the turns of each conversation; ``three`` has a turn without any.
MEDIA = {
    "one": {"voice-000.wav": wav_bytes(wave(40, 0.5))},
    "three": {
        "voice-000.wav": wav_bytes(wave(100, 0.25)),
        "face-000.png": picture(8, 8, 10),
        "face-002.00.png": picture(4, 6, 20),
        "face-002.01.png": picture(8, 10, 30),
        "face-002.02.png": picture(2, 2, 40),
        "scene-002.png": picture(8, 16, 50),
    },
    "two": {"scene-000.png": picture(16, 16, 60), "voice-001.wav": wav_bytes(wave(60, -0.5))},
}


def record(key: str, turns: int) -> ConversationRecord:
    return {
        "id": key,
        "speakers": ["Ann", "Bob"],
        "utterances": [
            {"id": str(i), "text": "" if i == 1 else "oh no" * (i + 1), "speaker": i % 2, "label": i}
            for i in range(turns)
        ],
    }


def write(folder: Path, media: dict[str, dict[str, bytes]]) -> str:
    template = Manifest(
        name="talk",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"pitch": FeatureSpec(2, "float32", "none")},
    )
    with DatasetWriter(folder, template) as writer:
        for split in ("train", "val", "test"):
            for key, members in media.items():
                turns = TURNS[key]
                writer.add_conversation(
                    split,
                    f"{split}-{key}",
                    record(key, turns),
                    features={"pitch": torch.ones(turns, 2)},
                    members=members,
                )
    return str(folder)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("media") / "set", MEDIA)


def data(root: str, **options: object) -> ConversationMediaDataModule:
    usual = {"tokenizer": "tiny", "rate": RATE, "size": 8, "batch_size": 3}
    return ConversationMediaDataModule(root, **{**usual, **options})  # type: ignore[arg-type]


def only(module: ConversationMediaDataModule) -> AffectBatch:
    (batch,) = module.test_dataloader()
    return batch


def test_a_batch_holds_the_media_of_each_turn(talk: str) -> None:
    batch = only(data(talk, scene=True))
    assert batch.keys == ["test-one", "test-three", "test-two"]
    turns = batch.masks["utterance"]
    assert turns.sum(1).tolist() == [1, 3, 2]
    # voices
    assert batch.inputs["audio"].shape == (3, 3, 100)
    assert batch.masks["audio"].sum(2).tolist() == [[40, 0, 0], [100, 0, 0], [0, 60, 0]]
    assert batch.present["audio"].tolist() == [
        [True, False, False],
        [True, False, False],
        [False, True, False],
    ]
    levels = batch.inputs["audio"].sum(2) / batch.masks["audio"].sum(2).clamp(min=1)
    torch.testing.assert_close(
        levels, torch.tensor([[0.5, 0, 0], [0.25, 0, 0], [0, -0.5, 0]]), atol=1e-4, rtol=0
    )
    assert not batch.inputs["audio"][~batch.masks["audio"]].any()
    # texts: turn 1 says nothing
    tokenizer = TextTokenizer("tiny")
    for row, length in enumerate((1, 3, 2)):
        for turn in range(3):
            ids = batch.inputs["text"][row, turn][batch.masks["text"][row, turn]].tolist()
            said = "oh no" * (turn + 1) if turn < length and turn != 1 else ""
            assert ids == (tokenizer([said])[0] if said else [])
    assert batch.present["text"].tolist() == [[True, False, False], [True, False, True], [True, False, False]]
    # pictures: the scene first, then faces in their order, with the areas they were stored with
    assert batch.inputs["visual"].shape == (3, 3, 4, 3, 8, 8) and batch.inputs["visual"].dtype == torch.uint8
    areas = torch.zeros(3, 3, 4)
    areas[1, 0, 1], areas[1, 2], areas[2, 0, 0] = 64.0, torch.tensor([128.0, 24.0, 80.0, 4.0]), 256.0
    assert torch.equal(batch.inputs["visual_areas"], areas)
    assert torch.equal(batch.masks["visual"], areas > 0)
    assert batch.inputs["visual"][1, 2, 1:].flatten(1).float().mean(1).tolist() == [20.0, 30.0, 40.0]
    scene = batch.inputs["visual"][1, 2, 0, 0]
    assert scene[:, 0].tolist() == [0, 0, 50, 50, 50, 50, 0, 0]  # twice as wide as high
    assert not batch.inputs["visual"][areas == 0].any()
    assert batch.speaker is not None and batch.speaker[1].tolist() == [0, 1, 0]


def test_only_the_largest_faces_are_kept(talk: str) -> None:
    batch = only(data(talk, max_faces=2))
    assert batch.inputs["visual_areas"][1, 2].tolist() == [24.0, 80.0]
    assert batch.inputs["visual_areas"].shape == (3, 3, 2)
    assert batch.present["visual"].tolist() == [[False] * 3, [True, False, True], [False] * 3]


def test_what_is_not_asked_for_is_not_read(talk: str) -> None:
    module = data(talk, media=["text"], features=["pitch"], tokenizer="tiny")
    batch = only(module)
    assert sorted(batch.inputs) == ["pitch", "text"] and module.media == ("text",)
    assert only(data(talk, media=["audio"], tokenizer=None)).inputs.keys() == {"audio"}


def test_a_batch_in_which_nothing_is_there(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"one": {}})
    batch = only(data(root, batch_size=1))
    assert batch.inputs["audio"].shape == (1, 1, 1) and batch.inputs["visual"].shape == (1, 1, 1, 3, 8, 8)
    assert not any(batch.present[name].any() for name in ("audio", "visual"))


def test_voices_are_brought_to_the_rate_of_the_run(talk: str) -> None:
    twice = only(data(talk, rate=2 * RATE))
    assert twice.masks["audio"].sum(2)[1, 0] == 200
    cut = only(data(talk, max_seconds=0.005))
    assert int(cut.masks["audio"].sum(2).max()) == 40
    with pytest.raises(ShardError, match=r"voice-000.wav.*8000 samples per second.*the run reads 16000"):
        only(data(talk, rate=2 * RATE, resampled=False))


def test_options_that_do_not_fit(talk: str) -> None:
    for options, message in (
        ({"tokenizer": None}, "has no tokenizer"),
        ({"media": ["smell"]}, "give some of audio, text, visual"),
        ({"media": []}, "give some of"),
        ({"media": ["audio"], "features": ["audio"]}, "no modality both ways"),
        ({"size": 0}, "numbers above 0"),
        ({"max_seconds": 0.0}, "numbers above 0"),
    ):
        with pytest.raises(DataModuleError, match=message):
            data(talk, **options)


def test_members_of_no_turn_and_damaged_ones_are_named(tmp_path: Path) -> None:
    reader = ConversationMediaReader(rate=RATE, size=8)
    for number, (name, content, message) in enumerate(
        (
            ("voice-007.wav", wav_bytes(wave(4, 0.1)), "voice-007.wav' belongs to no utterance, there are 1"),
            ("face-000.wav", b"", "'face-000.wav' is no face that can be read"),
            ("face-000.png", b"nothing", "Member 'face-000.png': The png file is damaged"),
            ("voice-000.wav", b"RIFF", "Member 'voice-000.wav': The wav file is damaged"),
        )
    ):
        root = write(tmp_path / str(number), {"one": {name: content}})
        store = open_shards(root, "test")
        with pytest.raises(ShardError, match=message):
            reader(store.get(0))


def test_a_damaged_conversation_keeps_its_row(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {**MEDIA, "two": {"face-000.png": b"nothing"}})
    batch = only(data(root, damage="mask", max_damaged=1))
    assert batch.masks["utterance"].sum(1).tolist() == [1, 3, 2]
    assert not batch.inputs["audio"][2].any() and not batch.inputs["visual"][2].any()
    assert batch.target.weight is not None and batch.target.weight.sum(1).tolist() == [1, 3, 0]
    # Its texts are sound, and masked with the rest: no encoder sees any turn of it.
    for name in ("audio", "text", "visual"):
        assert not batch.masks[name][2].any() and not batch.present[name][2].any()
    assert batch.masks["text"].flatten(1).any(1).tolist() == [True, True, False]


def test_workers_curriculum_and_buckets(talk: str) -> None:
    module = data(talk, batch_size=1, curriculum=BabyStepCurriculum(HclDifficulty(), buckets=2))
    assert len(module.curriculum_order(0)) < 3
    assert data(talk, bucket_by_length=True).lengths("train") == [1, 3, 2]
    collate = pickle.loads(pickle.dumps(module.collate("test")))
    decode = pickle.loads(pickle.dumps(module.decoder("test")))
    store = module.store("test")
    batch = collate([decode(store.get(1))], keys=["a"], positions=[1], valid=[True])
    assert torch.equal(batch.inputs["audio"][0], only(data(talk)).inputs["audio"][1])

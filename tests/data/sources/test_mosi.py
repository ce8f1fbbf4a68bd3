"""CMU-MOSI features: a generator of the file, the hold-out, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from affectkit.data.decode import decode_safetensors
from affectkit.data.schema import ShardError, conversation_record, parse_json
from affectkit.data.shards import open_shards
from affectkit.data.sources import SourceError, find_source, make_dataset
from affectkit.data.store import check_dataset

Arrays = dict[str, npt.NDArray[np.generic]]
MOSI = find_source("mosi")


def arrays() -> Arrays:
    """Twenty training videos and two of test, of one to three utterances."""
    videos = [(f"v{i:02d}.x", "train" if i < 20 else "test", 1 + i % 3) for i in range(22)]
    rows = [(name, split, number + 1) for name, split, size in videos for number in range(size)]
    count = len(rows)
    rng = np.random.default_rng(0)
    return {
        "video_id": np.array([name for name, _, _ in rows]),
        "split": np.array([split for _, split, _ in rows]),
        "utterance": np.array([number for _, _, number in rows], np.int32),
        "label": np.arange(count, dtype=np.int64) % 2,
        "transcript": np.array([f"SENTENCE {i}" for i in range(count)]),
        "text": rng.normal(size=(count, 100)).astype(np.float32),
        "audio": rng.normal(size=(count, 73)).astype(np.float32),
        "video": rng.normal(size=(count, 100)).astype(np.float32),
    }


def write(folder: Path, content: Arrays) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "mosi.npz", **content)  # type: ignore[arg-type]
    return folder


def splits(folder: Path, **options: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for sample in MOSI.configured(folder, options).read(folder):
        found.setdefault(sample.split, []).append(sample.key)
    return found


def test_videos_are_conversations_with_features(tmp_path: Path) -> None:
    content = arrays()
    folder = write(tmp_path / "mosi", content)
    manifest = make_dataset(MOSI, folder, out=tmp_path / "out", options={"held_out": "0"})
    assert sum(map(sum, manifest.class_counts.values())) == len(content["label"])
    assert check_dataset(tmp_path / "out").problems == ()
    members = open_shards(tmp_path / "out", "train").get(2)
    record = conversation_record(parse_json(members["json"], where="x"))
    assert record["id"] == "v02.x"
    assert [u["id"] for u in record["utterances"]] == ["v02.x_1", "v02.x_2", "v02.x_3"]
    assert [u["label"] for u in record["utterances"]] == [1, 0, 1]
    assert record["utterances"][0]["text"] == "SENTENCE 3"
    features = decode_safetensors(members["safetensors"])
    for name, source in (("text", "text"), ("audio", "audio"), ("visual", "video")):
        assert np.array_equal(features[name].numpy(), content[source][3:6])


def test_training_videos_are_held_out_by_the_seed_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "mosi", arrays())
    first = splits(folder)
    assert {split: len(names) for split, names in first.items()} == {"train": 8, "val": 12, "test": 2}
    assert first == splits(folder, seed="0")
    other = splits(folder, seed="1")
    assert other["val"] != first["val"] and other["test"] == first["test"]
    assert sorted(other["val"] + other["train"]) == sorted(first["val"] + first["train"])
    assert "val" not in splits(folder, held_out="0")
    assert len(splits(folder, held_out="19")["val"]) == 19
    for wrong in ({"held_out": "20"}, {"held_out": "x"}, {"seed": "-1"}):
        with pytest.raises(ShardError, match=r"held out|no whole number"):
            splits(folder, **wrong)


def _set(name: str, row: int, value: str | float) -> Callable[[Arrays], None]:
    def change(content: Arrays) -> None:
        content[name][row] = value

    return change


@pytest.mark.parametrize(
    ("change", "row", "reason"),
    [
        (_set("label", 3, 2), 4, "the label '2'"),
        (_set("split", 3, "dev"), 4, "the split 'dev'"),
        (_set("split", 4, "test"), 5, "is in two splits"),
        (_set("transcript", 3, " "), 4, "transcript is empty"),
        (_set("audio", 3, np.nan), 4, "'audio' holds NaN"),
        (_set("utterance", 4, 1), 5, "out of order"),
        (_set("video_id", 4, "v00.x"), 5, "goes on after another one"),
        (lambda content: content.pop("video"), None, "the array 'video' is missing"),
        (lambda content: content.update(text=content["text"][:, :99]), None, "not"),
        (lambda content: content.update(label=content["label"][:-1]), None, "differ in length"),
        (lambda content: content.update(label=content["label"].astype(object)), None, "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, change: Callable[[Arrays], object], row: int | None, reason: str
) -> None:
    content = arrays()
    change(content)
    folder = write(tmp_path / "mosi", content)
    with pytest.raises(SourceError, match=reason) as caught:
        list(MOSI.read(folder))
    assert (caught.value.file, caught.value.row) == (folder / "mosi.npz", row)


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"mosi\.npz: it cannot be read"):
        list(MOSI.read(tmp_path))
    folder = write(tmp_path / "mosi", arrays())
    path = folder / "mosi.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="cannot be read as arrays"):
        list(MOSI.read(folder))


@pytest.mark.realdata
def test_the_published_counts(tmp_path: Path) -> None:
    folder = Path(os.environ.get("AFFECTKIT_DATA", "")) / "mosi"
    if "AFFECTKIT_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("AFFECTKIT_DATA names no folder with mosi/")
    manifest = make_dataset(MOSI, folder, out=tmp_path / "out")
    items = {split: sum(e.items for e in manifest.split_shards(split)) for split in manifest.splits}
    videos = {split: sum(e.samples for e in manifest.split_shards(split)) for split in manifest.splits}
    assert videos == {"train": 50, "val": 12, "test": 31}
    assert (items["train"] + items["val"], items["test"]) == (1447, 752)
    assert check_dataset(tmp_path / "out").problems == ()

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectkit.data.schema import ConversationRecord, ShardError
from affectkit.data.shards import (
    DatasetWriter,
    Manifest,
    ShardWriter,
    read_manifest,
    shard_name,
    write_manifest,
)
from affectkit.data.shards.build_folder import build_folder

MakeSet = Callable[..., Path]
RECORD: ConversationRecord = {
    "id": "t",
    "speakers": ["A"],
    "utterances": [{"id": "0", "text": "hi", "speaker": 0, "label": 3}],
}
FEATURES = {"text": torch.ones(1, 3)}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_equal_input_gives_equal_bytes_and_replaces_as_a_whole(make_set: MakeSet, tmp_path: Path) -> None:
    first = contents(make_set())
    assert list(first) == [
        "manifest.json",
        *(f"train-{n:05d}.tar{end}" for n in range(2) for end in ("", ".idx")),
        "val-00000.tar",
        "val-00000.tar.idx",
    ]
    assert contents(make_set(samples=3, overwrite=True)) != first
    assert contents(make_set(overwrite=True)) == first
    assert contents(make_set("other")) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "talks"]


def test_shards_close_by_count_and_by_bytes(tmp_path: Path, template: Manifest) -> None:
    plain = replace(template, kind="text", features={})
    with DatasetWriter(tmp_path / "x", plain, shard_samples=2, shard_bytes=4000) as writer:
        for number, size in enumerate((1, 1, 1, 5000, 1)):
            writer.add("train", f"k{number}", {"txt": bytes(size)})
    assert [entry.samples for entry in writer.manifest.shards] == [2, 2, 1]
    assert writer.manifest == read_manifest(tmp_path / "x")


def test_an_existing_data_set_is_refused_without_overwrite(make_set: MakeSet) -> None:
    before = contents(make_set())
    with pytest.raises(ShardError, match="--overwrite"):
        make_set()
    assert contents(make_set("other")) == before


def test_a_folder_that_is_no_data_set_is_never_replaced(tmp_path: Path, template: Manifest) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(ShardError, match="no data set"),
        DatasetWriter(tmp_path / "mine", template, overwrite=True),
    ):
        pass
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_an_error_leaves_the_old_set_and_nothing_else(
    make_set: MakeSet, tmp_path: Path, template: Manifest
) -> None:
    before = contents(make_set())
    with (
        pytest.raises(ZeroDivisionError),
        DatasetWriter(tmp_path / "talks", template, overwrite=True) as writer,
    ):
        writer.add_conversation("train", "a", RECORD, features=FEATURES)
        raise ZeroDivisionError
    assert contents(tmp_path / "talks") == before
    assert [path.name for path in tmp_path.iterdir()] == ["talks"]


def test_a_key_in_two_shards_is_refused(tmp_path: Path, template: Manifest) -> None:
    with (
        pytest.raises(ShardError, match=r"'same'.*train-00000\.tar and train-00001\.tar"),
        DatasetWriter(tmp_path / "x", template, shard_samples=1) as writer,
    ):
        writer.add_conversation("val", "same", RECORD, features=FEATURES)
        writer.add_conversation("train", "same", RECORD, features=FEATURES)
        writer.add_conversation("train", "same", RECORD, features=FEATURES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "features", "message"),
    [
        ({"label": 7}, FEATURES, "label is 7"),
        ({"label": -1}, FEATURES, "label must be"),
        ({"label": True}, FEATURES, "label must be"),
        ({"speaker": 1}, FEATURES, "speaker"),
        ({"start": float("nan")}, FEATURES, "start"),
        ({"dims": [0.5]}, FEATURES, "affect scale"),
        ({"extra": {"sentiment": 0}}, FEATURES, "extra label space"),
        ({"mood": 1}, FEATURES, "unknown mood"),
        ({}, {"text": torch.ones(2, 3)}, r"\(1, 3\) float32 is stated"),
        ({}, {"text": torch.ones(1, 3).half()}, "float16"),
        ({}, {"text": torch.full((1, 3), torch.nan)}, "NaN"),
        ({}, {"audio": torch.ones(1, 3)}, "lacks the features 'text'"),
        ({}, {**FEATURES, "audio": torch.ones(1, 3)}, "does not state"),
        ({}, {**FEATURES, "text.present": torch.ones(1)}, "bool or uint8"),
    ],
)
def test_a_conversation_that_does_not_fit_is_refused(
    tmp_path: Path, template: Manifest, changes: dict[str, object], features: dict[str, Tensor], message: str
) -> None:
    record = copy.deepcopy(RECORD)
    record["utterances"][0].update(changes)  # type: ignore[typeddict-item]
    with DatasetWriter(tmp_path / "x", template) as writer:
        writer.add_conversation("train", "good", RECORD, features=FEATURES)
        with pytest.raises(ShardError, match=message):
            writer.add_conversation("train", "bad", record, features=features)
    assert writer.manifest.shards[0].samples == 1


def test_present_masks_are_kept(tmp_path: Path, template: Manifest) -> None:
    with DatasetWriter(tmp_path / "x", template) as writer:
        writer.add_conversation(
            "train", "a", RECORD, features={**FEATURES, "text.present": torch.ones(1, dtype=torch.bool)}
        )
    assert writer.manifest.shards[0].class_counts == (0, 0, 0, 1, 0, 0, 0)


def test_several_writers_join_in_one_manifest(tmp_path: Path, make_set: MakeSet, template: Manifest) -> None:
    whole = make_set("whole")
    again = tmp_path / "again"
    again.mkdir()
    for name in sorted((path.name for path in whole.glob("*.tar*")), reverse=True):  # whoever finishes first
        (again / name).write_bytes((whole / name).read_bytes())
    write_manifest(again, template)
    assert contents(again) == contents(whole)
    with ShardWriter(again / shard_name("test", 0), "test") as writer:
        writer.add("a", {"json": json.dumps(RECORD).encode()})
    with pytest.raises(ShardError, match="counts 0 classes"):
        write_manifest(again, template)


def test_what_a_killed_process_left_is_swept_and_a_running_one_is_not(tmp_path: Path) -> None:
    (tmp_path / ".out.partial-dead").mkdir()
    with build_folder(tmp_path / "out") as running:
        assert not (tmp_path / ".out.partial-dead").exists()
        with pytest.raises(RuntimeError), build_folder(tmp_path / "out"):
            raise RuntimeError
        assert running.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="does not exist"), build_folder(tmp_path / "no" / "out"):
        pass

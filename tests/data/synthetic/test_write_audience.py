"""Made-up audiences: equal bytes for equal seeds, every group of every scene, numbers with sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectkit.data.schema import ShardError, item_record, parse_json
from affectkit.data.shards import open_shards
from affectkit.data.store.check import check_dataset
from affectkit.data.synthetic import AUDIENCE_VOCABULARY, write_synthetic_audience


def test_every_group_of_every_scene_and_equal_bytes(tmp_path: Path) -> None:
    first = write_synthetic_audience(tmp_path / "a", people=14, videos=6, scenes=1)
    second = write_synthetic_audience(tmp_path / "b", people=14, videos=6, scenes=1)
    third = write_synthetic_audience(tmp_path / "c", people=14, videos=6, scenes=1, seed=1)
    assert [entry.sha256 for entry in first.shards] == [entry.sha256 for entry in second.shards]
    assert [entry.sha256 for entry in first.shards] != [entry.sha256 for entry in third.shards]
    assert first.synthetic and check_dataset(tmp_path / "a").problems == ()
    videos: dict[str, set[object]] = {}
    for split in ("train", "val", "test"):
        store = open_shards(tmp_path / "a", split)
        groups: dict[object, set[tuple[object, object]]] = {}
        for position in range(len(store)):
            record = item_record(parse_json(store.get(position)["json"], where="here"))
            meta = record["meta"]
            groups.setdefault(meta["scene"], set()).add((meta["gender"], meta["age"]))
            videos.setdefault(split, set()).add(meta["video"])
            emr, engagement = meta["emr"], meta["engagement"]
            assert isinstance(emr, float) and 0 <= emr <= 1
            assert isinstance(engagement, float) and engagement > 0
        expected = {(g, a) for g in AUDIENCE_VOCABULARY["gender"] for a in AUDIENCE_VOCABULARY["age"]}
        assert all(found == expected for found in groups.values())
    assert [len(videos[split]) for split in ("train", "val", "test")] == [4, 1, 1]
    assert not videos["train"] & (videos["val"] | videos["test"])


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give at least 14, 6, 1 and 4"):
        write_synthetic_audience(tmp_path / "a", people=13)
    write_synthetic_audience(tmp_path / "b", people=14, videos=6, scenes=1)
    with pytest.raises(ShardError, match="already holds a data set"):
        write_synthetic_audience(tmp_path / "b", people=14, videos=6, scenes=1)

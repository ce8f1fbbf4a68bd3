from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from affectkit.data.schema import item_record, parse_json
from affectkit.data.shards import ShardError, open_shards
from affectkit.data.sources import find_source, make_dataset
from affectkit.data.synthetic import write_emoset_folder

pytestmark = pytest.mark.filterwarnings("ignore:.*layout")


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert write_emoset_folder(tmp_path / name, train=3, val=1, test=1, seed=seed) == tmp_path / name
    assert digests(tmp_path / "a") == digests(tmp_path / "b") != digests(tmp_path / "c")
    with pytest.raises(ShardError, match=r"already|exists"):
        write_emoset_folder(tmp_path / "a", train=3, val=1, test=1)


def test_the_source_reads_it_with_present_and_absent_attributes(tmp_path: Path) -> None:
    write_emoset_folder(tmp_path / "emoset", train=16, val=8, test=8)
    manifest = make_dataset(find_source("emoset"), tmp_path / "emoset", out=tmp_path / "shards")
    assert manifest.class_counts["train"] == (2,) * 8
    assert {name: len(space) for name, space in manifest.extra_spaces.items()} == {
        "brightness": 11,
        "colorfulness": 11,
        "scene": 6,
        "object": 7,
        "facial_expression": 6,
        "human_action": 1,
    }
    store = open_shards(tmp_path / "shards", "train")
    extras = [item_record(parse_json(bytes(store.get(i)["json"])))["extra"] for i in range(len(store))]
    objects = [extra["object"] for extra in extras]
    assert objects.count(None) == 3
    assert any(found == [] for found in objects) and any(found for found in objects)
    assert any(extra["facial_expression"] is None for extra in extras)
    assert all(extra["human_action"] is None for extra in extras)
    assert len({extra["brightness"] for extra in extras}) > 1

"""EmoBank and GoEmotions: generators of their layouts, what is read, and what is refused."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.shards import open_shards
from affectkit.data.sources import SourceError, find_source, make_dataset
from affectkit.data.sources.goemotions import EKMAN_GROUPS
from affectkit.data.store import check_dataset
from affectkit.labels import label_space

Row = list[str]
EMOBANK: list[Row] = [
    ["id", "split", "V", "A", "D", "text"],
    ["blog_1'2", "train", "3.0", "2.5", "1", '"Well," she said.'],
    ["a.b_3", "dev", "1", "5", "3.2", "No"],
    ["c", "test", "2", "2", "2", "Über\x85"],
]
GOEMOTIONS: list[Row] = [
    ["I am confused. “Why\x85?”", "0,6,26", "eabc"],
    ['He said "no', "27", "eabd"],
]
OFFICIAL = label_space("goemotions28.official")


def realdata(name: str) -> Path:
    folder = Path(os.environ.get("AFFECTKIT_DATA", "")) / name
    if "AFFECTKIT_DATA" not in os.environ or not folder.is_dir():
        pytest.skip(f"AFFECTKIT_DATA names no folder with {name}/")
    return folder


@pytest.fixture
def emobank(tmp_path: Path) -> Callable[[list[Row]], Path]:
    def write(rows: list[Row]) -> Path:
        folder = tmp_path / "emobank"
        folder.mkdir(exist_ok=True)
        with (folder / "emobank.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        return folder

    return write


@pytest.fixture
def goemotions(tmp_path: Path) -> Callable[[list[Row]], Path]:
    def write(rows: list[Row]) -> Path:
        folder = tmp_path / "goemotions"
        folder.mkdir(exist_ok=True)
        for name in ("train", "dev", "test"):
            lines = ["\t".join(row) for row in (rows if name == "dev" else GOEMOTIONS)]
            (folder / f"{name}.tsv").write_bytes("".join(f"{line}\n" for line in lines).encode())
        (folder / "labels.txt").write_text("\n".join(OFFICIAL.labels))
        return folder

    return write


def test_emobank_is_read(emobank: Callable[[list[Row]], Path], tmp_path: Path) -> None:
    manifest = make_dataset(find_source("emobank"), emobank(EMOBANK), out=tmp_path / "out")
    assert manifest.kind == "text" and manifest.label_space is None
    assert manifest.dims is not None and manifest.dims.axes == ("valence", "arousal", "dominance")
    found = list(find_source("emobank").read(tmp_path / "emobank"))
    assert [(s.split, s.key) for s in found] == [("train", "blog_1_2"), ("val", "a_b_3"), ("test", "c")]
    assert found[0].record == {
        "id": "blog_1'2",
        "label": None,
        "text": '"Well," she said.',
        "dims": [3.0, 2.5, 1.0],
    }
    assert check_dataset(tmp_path / "out").problems == ()


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (0, "", "lacks an id or a text"),
        (0, "blog_1'2", "was already in row 2"),
        (1, "holdout", "the split 'holdout'"),
        (2, "x", "the valence 'x' is no finite number"),
        (3, "nan", "the arousal 'nan' is no finite number"),
        (4, "0.5", "dominance 0.5 lies outside"),
        (5, " ", "lacks an id or a text"),
    ],
)
def test_a_bad_row_of_emobank_is_named(
    emobank: Callable[[list[Row]], Path], column: int, value: str, reason: str
) -> None:
    rows = [list(row) for row in EMOBANK]
    rows[3][column] = value
    folder = emobank(rows)
    with pytest.raises(SourceError, match=reason) as caught:
        list(find_source("emobank").read(folder))
    assert (caught.value.file, caught.value.row) == (folder / "emobank.csv", 4)


def test_goemotions_is_read(goemotions: Callable[[list[Row]], Path], tmp_path: Path) -> None:
    folder = goemotions(GOEMOTIONS)
    manifest = make_dataset(find_source("goemotions"), folder, out=tmp_path / "out")
    assert manifest.splits == ("train", "val", "test")
    assert manifest.class_counts["val"] == tuple(int(i in (0, 6, 26, 27)) for i in range(28))
    found = [s.record for s in find_source("goemotions").read(folder) if s.split == "val"]
    assert found[0] == {
        "id": "eabc",
        "label": None,
        "text": "I am confused. “Why\x85?”",
        "multilabel": [0, 6, 26],
    }
    assert found[1].get("text") == 'He said "no'
    assert check_dataset(tmp_path / "out").problems == ()


def test_goemotions_groups_by_name(goemotions: Callable[[list[Row]], Path], tmp_path: Path) -> None:
    everything = [["x", ",".join(map(str, range(28))), "all"], ["y", "6,7,22", "surprised"]]
    options = {"labels": "ekman"}
    folder = goemotions(everything)
    manifest = make_dataset(find_source("goemotions"), folder, out=tmp_path / "out", options=options)
    assert manifest.label_space == label_space("goemotions7.ekman")
    assert manifest.class_counts["val"] == (1, 1, 1, 1, 1, 1, 2)
    with pytest.raises(ShardError, match="official or ekman"):
        find_source("goemotions").configured(folder, {"labels": "plutchik"})


def test_the_groups_are_those_of_the_authors() -> None:
    # Typed a second time from google-research: goemotions/data/ekman_mapping.json.
    groups = {
        "anger": "anger annoyance disapproval",
        "disgust": "disgust",
        "fear": "fear nervousness",
        "joy": "joy amusement approval excitement gratitude love optimism relief pride admiration desire "
        "caring",
        "sadness": "sadness disappointment embarrassment grief remorse",
        "surprise": "surprise realization confusion curiosity",
        "neutral": "neutral",
    }
    expected = {label: group for group, labels in groups.items() for label in labels.split()}
    assert {label: EKMAN_GROUPS.get(label, label) for label in OFFICIAL} == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["text", "3"], "2 fields instead of"),
        (["a", "b", "3", "id"], "4 fields instead of"),
        ([" ", "3", "id"], "lacks a text"),
        (["text", "3", ""], "lacks a text or an id"),
        (["text", "28", "id"], "the label '28'"),
        (["text", "", "id"], "the label ''"),
        (["text", "3,3", "id"], "a label occurs twice"),
        (["text", "3", "eabc"], "was already in row 1"),
    ],
)
def test_a_bad_row_of_goemotions_is_named(
    goemotions: Callable[[list[Row]], Path], row: Row, reason: str
) -> None:
    folder = goemotions([*GOEMOTIONS, row])
    with pytest.raises(SourceError, match=reason) as caught:
        list(find_source("goemotions").read(folder))
    assert (caught.value.file, caught.value.row) == (folder / "dev.tsv", 3)


def test_other_files_of_goemotions_are_refused(goemotions: Callable[[list[Row]], Path]) -> None:
    source = find_source("goemotions")
    with pytest.raises(SourceError, match=r"dev\.tsv: the file has no rows"):
        list(source.read(goemotions([])))
    folder = goemotions(GOEMOTIONS)
    (folder / "labels.txt").write_text("anger\ndisgust\n")
    with pytest.raises(SourceError, match=r"labels\.txt: the labels are not 0 admiration"):
        list(source.read(folder))
    (folder / "labels.txt").unlink()
    (folder / "test.tsv").write_bytes(b"\xff")
    with pytest.raises(SourceError, match="byte 0 is not UTF-8"):
        list(source.read(folder))
    (folder / "test.tsv").unlink()
    with pytest.raises(SourceError, match=r"test\.tsv: it cannot be read"):
        list(source.read(folder))


@pytest.mark.realdata
def test_the_published_counts_of_emobank(tmp_path: Path) -> None:
    make_dataset(find_source("emobank"), realdata("emobank"), out=tmp_path / "out")
    sizes = {split: len(open_shards(tmp_path / "out", split)) for split in ("train", "val", "test")}
    assert sizes == {"train": 8062, "val": 1000, "test": 1000}
    assert check_dataset(tmp_path / "out").problems == ()


@pytest.mark.realdata
def test_the_published_counts_of_goemotions() -> None:
    counts = dict.fromkeys(("train", "val", "test"), 0)
    for sample in find_source("goemotions").read(realdata("goemotions")):
        counts[sample.split] += 1
    assert counts == {"train": 43410, "val": 5426, "test": 5427}

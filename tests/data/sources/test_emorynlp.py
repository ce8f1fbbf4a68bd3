"""EmoryNLP: a generator of its three tables, what is read, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.sources import SourceError, UnverifiedLayoutWarning, find_source, make_dataset
from affectkit.data.store import check_dataset

EMORYNLP = find_source("emorynlp")
COLUMNS = ["Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode"]
ROWS = [
    ["There\x92s nothing to tell.", "['Ana Lee']", "Joyful", "1", "2", "1", "1"],
    ["He is just someone.", "['Bo', \"Cy O'Hara\"]", "Mad", "1", "1", "1", "1"],
    ["Right.", "['Ana Lee']", "Scared", "2", "1", "1", "1"],
    ["Oh.", "Dee", "Peaceful", "1", "1", "1", "2"],
]
Layout = Callable[[list[list[str]]], Path]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    def write(rows: list[list[str]]) -> Path:
        folder = tmp_path / "emorynlp"
        folder.mkdir(exist_ok=True)
        for name in ("train", "dev", "test"):
            with (folder / f"emorynlp_{name}_final.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([COLUMNS, *(rows if name == "train" else ROWS)])
        return folder

    return write


def test_scenes_are_conversations(layout: Layout, tmp_path: Path) -> None:
    folder = layout(ROWS)
    with pytest.warns(UnverifiedLayoutWarning):
        manifest = make_dataset(EMORYNLP, folder, out=tmp_path / "out")
    assert manifest.class_counts["val"] == (1, 1, 1, 0, 0, 0, 1)
    assert check_dataset(tmp_path / "out").problems == ()
    found = list(EMORYNLP.read(folder))
    assert [s.split for s in found] == ["train"] * 3 + ["val"] * 3 + ["test"] * 3
    assert [s.key for s in found[:3]] == ["train_s01_e01_c01", "train_s01_e01_c02", "train_s01_e02_c01"]
    assert found[0].record == {
        "id": "train_s01_e01_c01",
        "speakers": ["Bo and Cy O'Hara", "Ana Lee"],
        "utterances": [
            {"id": "train_s01_e01_c01_u001", "text": "He is just someone.", "speaker": 0, "label": 1},
            {"id": "train_s01_e01_c01_u002", "text": "There’s nothing to tell.", "speaker": 1, "label": 0},
        ],
        "meta": {"season": 1, "episode": 1, "scene": 1},
    }


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("Utterance", " ", "lacks a text or a speaker"),
        ("Speaker", "[]", "lacks a text or a speaker"),
        ("Emotion", "joy", "'joy' is none of Joyful, Mad"),
        ("Scene_ID", "x", "the Scene_ID 'x'"),
        ("Episode", "-1", "the Episode '-1'"),
        ("Utterance_ID", "", "the Utterance_ID ''"),
    ],
)
def test_a_bad_row_is_named(layout: Layout, column: str, value: str, reason: str) -> None:
    rows = [list(row) for row in ROWS]
    rows[2][COLUMNS.index(column)] = value
    folder = layout(rows)
    with pytest.raises(SourceError, match=reason) as caught:
        list(EMORYNLP.read(folder))
    assert (caught.value.file, caught.value.row) == (folder / "emorynlp_train_final.csv", 4)


def test_a_repeated_utterance_and_a_missing_file_are_named(layout: Layout) -> None:
    with pytest.raises(SourceError, match="row 6: utterance 1 of this scene was already in row 5"):
        list(EMORYNLP.read(layout([*ROWS, ROWS[3]])))
    folder = layout(ROWS)
    (folder / "emorynlp_dev_final.csv").unlink()
    with pytest.raises(SourceError, match=r"emorynlp_dev_final\.csv: it cannot be read"):
        list(EMORYNLP.read(folder))

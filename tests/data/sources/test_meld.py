from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.schema import conversation_record
from affectkit.data.shards import open_shards
from affectkit.data.sources import SourceError, find_source, make_dataset, read_meld
from affectkit.data.store import check_dataset
from affectkit.labels import published_counts

COLUMNS = [
    "Sr No.",
    "Utterance",
    "Speaker",
    "Emotion",
    "Sentiment",
    "Dialogue_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "StartTime",
    "EndTime",
]
ROWS = [
    [
        "1",
        "I\x92m at the café\x85",
        "Ana",
        "joy",
        "positive",
        "0",
        "0",
        "4",
        "7",
        "00:20:57,256",
        "00:21:00,049",
    ],
    ["2", "“Oh”, no.", "Bo", "surprise", "negative", "0", "2", "4", "7", "0:21:01,927", "00:21:03,26"],
    ["3", "Really?", "Ana", "neutral", "neutral", "0", "1", "4", "7", "00:21:01,000", "00:21:01,000"],
    ["5", "Later.", "Cy", "disgust", "negative", "9", "0", "4", "8", "01:00:00,000", ""],
]
Layout = Callable[..., Path]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The folder as MELD publishes it, with the train file's table as given."""

    def write(rows: list[list[str]] = ROWS, columns: list[str] = COLUMNS, encoding: str = "utf-8") -> Path:
        folder = tmp_path / "meld"
        folder.mkdir(exist_ok=True)
        for name in ("train", "dev", "test"):
            table = [columns, *rows] if name == "train" else [COLUMNS, *ROWS]
            with (folder / f"{name}_sent_emo.csv").open("w", encoding=encoding, newline="") as file:
                csv.writer(file).writerows(table)
        return folder

    return write


def test_dialogues_turns_labels_times_and_speakers(layout: Layout) -> None:
    samples = list(read_meld(layout()))
    assert [(s.split, s.key) for s in samples] == [
        (split, f"{name}_dia{number}")
        for split, name in (("train", "train"), ("val", "dev"), ("test", "test"))
        for number in (0, 9)
    ]
    first = conversation_record(samples[0].record)
    assert first["speakers"] == ["Ana", "Bo"]
    assert first.get("meta") == {"season": 4, "episode": 7}
    assert [u["id"] for u in first["utterances"]] == ["dia0_utt0", "dia0_utt1", "dia0_utt2"]
    assert [u["text"] for u in first["utterances"]] == ["I’m at the café…", "Really?", "“Oh”, no."]
    assert [u["speaker"] for u in first["utterances"]] == [0, 0, 1]
    assert [u["label"] for u in first["utterances"]] == [4, 0, 1]
    assert [u.get("extra") for u in first["utterances"]] == [{"sentiment": n} for n in (1, 0, 2)]
    times = [(u.get("start"), u.get("end")) for u in first["utterances"]]
    assert times == [(1257.256, 1260.049), (1261.0, 1261.0), (1261.927, 1263.26)]
    assert conversation_record(samples[1].record)["utterances"][0].get("end") is None


@pytest.mark.parametrize(
    ("column", "value", "row", "reason"),
    [
        ("Emotion", "elation", 5, "'elation' is none of neutral, surprise"),
        ("Emotion", "happiness", 5, "'happiness' is none of"),
        ("Sentiment", "", 5, "'' is none of neutral, positive"),
        ("Dialogue_ID", "x", 5, "Dialogue_ID is 'x'"),
        ("Utterance_ID", "-1", 5, "Utterance_ID is '-1'"),
        ("Season", "", 5, "Season is ''"),
        ("Dialogue_ID", "0", 5, "utterance 0 of dialogue 0 was already in row 2"),
        ("Utterance", "  ", 5, "lacks text or speaker"),
        ("Speaker", "", 5, "lacks text or speaker"),
        ("StartTime", "1 o'clock", 5, 'the time "1 o\'clock"'),
        ("StartTime", "00:61:00,000", 5, "the time '00:61:00,000'"),
    ],
)
def test_a_bad_row_is_refused_with_file_row_and_reason(
    layout: Layout, tmp_path: Path, column: str, value: str, row: int, reason: str
) -> None:
    rows = [list(line) for line in ROWS]
    rows[3][COLUMNS.index(column)] = value
    folder = layout(rows)
    with pytest.raises(SourceError) as caught:
        make_dataset(find_source("meld"), folder, out=tmp_path / "out")
    assert str(caught.value).startswith(f"{folder / 'train_sent_emo.csv'}, row {row}: ")
    assert reason in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["meld"]


def test_an_episode_cannot_change_within_a_dialogue(layout: Layout) -> None:
    rows = [list(line) for line in ROWS]
    rows[3][COLUMNS.index("Dialogue_ID")], rows[3][COLUMNS.index("Utterance_ID")] = "0", "3"
    with pytest.raises(SourceError, match=r"row 5.*changes its episode"):
        list(read_meld(layout(rows)))


def test_a_missing_column_file_or_folder_is_named(layout: Layout, tmp_path: Path) -> None:
    short = [line[:-1] for line in ROWS]
    with pytest.raises(SourceError, match=r"row 1.*'EndTime' is missing"):
        list(read_meld(layout(short, COLUMNS[:-1])))
    folder = layout()
    (folder / "dev_sent_emo.csv").unlink()
    with pytest.raises(SourceError, match=r"dev_sent_emo\.csv: it cannot be read"):
        make_dataset(find_source("meld"), folder, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(SourceError, match="no such folder"):
        make_dataset(find_source("meld"), tmp_path / "none", out=tmp_path / "out")


def test_an_empty_file_is_refused(layout: Layout) -> None:
    with pytest.raises(SourceError, match="no rows"):
        list(read_meld(layout([])))


def test_another_encoding_is_refused_with_its_row(layout: Layout) -> None:
    folder = layout()
    path = folder / "train_sent_emo.csv"
    path.write_bytes(path.read_bytes().replace("“Oh”".encode(), b"\x93Oh\x94"))
    with pytest.raises(SourceError, match="row 3: byte 0x93 is not UTF-8"):
        list(read_meld(folder))


def test_equal_files_give_equal_bytes_and_a_sound_set(layout: Layout, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    for out in ("one", "two"):
        make_dataset(
            find_source("meld"), layout(), out=tmp_path / out, on_sample=lambda *place: seen.append(place)
        )
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / out).iterdir()} for out in ("one", "two"))
    assert one == two
    assert len(seen) == 12
    assert check_dataset(tmp_path / "one").ok
    assert str(tmp_path).encode() not in b"".join(one.values())


@pytest.mark.realdata
def test_the_published_counts(tmp_path: Path) -> None:
    folder = Path(os.environ.get("AFFECTKIT_DATA", "")) / "meld"
    if "AFFECTKIT_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("AFFECTKIT_DATA names no folder with meld/")
    manifest = make_dataset(find_source("meld"), folder, out=tmp_path / "meld")
    published = published_counts("meld").splits
    assert manifest.class_counts == {split: tuple(counts) for split, counts in published.items()}
    samples = {split: len(open_shards(tmp_path / "meld", split)) for split in manifest.splits}
    assert samples == {"train": 1038, "val": 114, "test": 280}
    assert check_dataset(tmp_path / "meld").ok

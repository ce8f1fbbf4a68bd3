"""FER+: generators of both packings, the majority rule, and what is refused."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectkit.data.decode import decode_image
from affectkit.data.sources import SourceError, find_source, make_dataset
from affectkit.data.sources.ferplus import majority_label
from affectkit.data.store import check_dataset
from affectkit.labels import label_space

FERPLUS = find_source("ferplus")
COLUMNS = [
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
]
VOTES = [
    [8, 1, 1, 0, 0, 0, 0, 0, 0, 0],  # neutral, two slips
    [0, 4, 4, 0, 0, 0, 0, 0, 2, 0],  # no majority
    [0, 0, 0, 0, 0, 0, 0, 6, 4, 0],  # contempt
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],  # no face, and no vote for an emotion
]
LABELS = [0, None, 7, None]
USAGES = ["Training", "Training", "PublicTest", "PrivateTest"]
Rows = list[list[str]]


def naive_majority(votes: list[int]) -> int | None:
    """As the paper says it, one case at a time."""
    counted = {label: votes[label] for label in range(10) if votes[label] >= 2}
    for label, count in counted.items():
        if label in range(8) and count > sum(counted.values()) / 2:
            return label
    return None


def face(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return (np.arange(48 * 48, dtype=np.int64).reshape(48, 48) * (number + 1) % 251).astype(np.uint8)


def tables() -> tuple[Rows, Rows]:
    pixels = [" ".join(map(str, face(i).ravel())) for i in range(5)]
    usages = [*USAGES, "Training"]
    faces = [["emotion", "pixels", "Usage"], *([str(i), pixels[i], usages[i]] for i in range(5))]
    names = [f"fer{i:07d}.png" for i in range(4)]
    votes = [[USAGES[i], names[i], *map(str, VOTES[i])] for i in range(4)]
    removed = ["Training", "", *["0"] * 10]
    return faces, [["Usage", "Image name", *COLUMNS], *votes, removed]


@pytest.fixture
def layout(tmp_path: Path) -> Callable[[Rows, Rows], Path]:
    def write(faces: Rows, votes: Rows) -> Path:
        folder = tmp_path / "fer"
        folder.mkdir(exist_ok=True)
        for name, rows in (("fer2013.csv", faces), ("fer2013new.csv", votes)):
            with (folder / name).open("w", newline="") as file:
                csv.writer(file).writerows(rows)
        return folder

    return write


def pack(folder: Path, name: str, numbers: list[int], **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    pictures = []
    for number in numbers:
        buffer = io.BytesIO()
        Image.fromarray(face(number)).save(buffer, format="WEBP", lossless=True)
        pictures.append(buffer.getvalue())
    content: dict[str, object] = {
        "blob": np.frombuffer(b"".join(pictures), np.uint8),
        "offset": np.cumsum([0, *map(len, pictures)]),
        "votes": np.array([VOTES[number] for number in numbers], np.uint8),
        "fer_row": np.array(numbers, np.int32),
        "vote_names": np.array(COLUMNS),
    }
    np.savez(folder / f"ferplus_{name}.npz", **{**content, **changes})  # type: ignore[arg-type]
    return folder


def test_the_majority_rule_equals_a_second_reading() -> None:
    rng = np.random.default_rng(0)
    for votes in [*VOTES, *rng.integers(0, 6, (500, 10)).tolist()]:
        assert majority_label(votes) == naive_majority(votes)
    assert [majority_label(votes) for votes in VOTES] == LABELS


def test_the_tables_are_read(layout: Callable[[Rows, Rows], Path], tmp_path: Path) -> None:
    folder = layout(*tables())
    manifest = make_dataset(FERPLUS, folder, out=tmp_path / "out")
    assert manifest.label_space == label_space("ferplus8.official")
    assert check_dataset(tmp_path / "out").problems == ()
    found = list(FERPLUS.read(folder))
    assert [s.split for s in found] == ["train", "train", "val", "test"]
    assert [s.record.get("label") for s in found] == LABELS
    assert found[0].record == {
        "id": "fer0000000",
        "label": 0,
        "votes": [8.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        "extra": {"fer2013": 0},
        "meta": {"unknown_votes": 0, "no_face_votes": 0},
    }
    assert "votes" not in found[3].record
    assert found[3].record.get("meta") == {"unknown_votes": 0, "no_face_votes": 10}
    content = found[1].members["png"]
    assert isinstance(content, bytes)
    assert np.array_equal(decode_image(content, kind="png").numpy()[..., 0], face(1))


def test_the_arrays_hold_the_same(layout: Callable[[Rows, Rows], Path], tmp_path: Path) -> None:
    packed = pack(tmp_path / "packed", "train", [0, 1])
    pack(packed, "valid", [2])
    make_dataset(FERPLUS, packed, out=tmp_path / "out")
    assert check_dataset(tmp_path / "out").problems == ()
    for ours, theirs in zip(FERPLUS.read(packed), FERPLUS.read(layout(*tables())), strict=False):
        assert (ours.split, ours.key) == (theirs.split, theirs.key)
        assert ours.record.get("label") == theirs.record.get("label")
        assert ours.record.get("votes") == theirs.record.get("votes")
        left, right = ours.members["webp"], theirs.members["png"]
        assert isinstance(left, bytes) and isinstance(right, bytes)
        assert decode_image(left, kind="webp").equal(decode_image(right, kind="png"))


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        (0, 0, "7", "the emotion '7'"),
        (0, 1, "1 2 3", "3 pixels instead of 2304"),
        (0, 1, " ".join(["0"] * 2303 + ["256"]), "the pixel '256'"),
        (0, 2, "Test", "the usage 'Test'"),
        (1, 0, "PublicTest", "the usage is not 'Training'"),
        (1, 3, "-1", "the happiness '-1'"),
        (1, 11, "x", "the NF 'x'"),
    ],
)
def test_a_bad_row_is_named(
    layout: Callable[[Rows, Rows], Path], table: int, column: int, value: str, reason: str
) -> None:
    content = tables()
    content[table][2][column] = value
    with pytest.raises(SourceError, match=reason) as caught:
        list(FERPLUS.read(layout(*content)))
    assert caught.value.file.name == ("fer2013.csv", "fer2013new.csv")[table]
    assert caught.value.row == 3


def test_tables_of_other_lengths_are_refused(layout: Callable[[Rows, Rows], Path]) -> None:
    faces, votes = tables()
    with pytest.raises(SourceError, match=r"fer2013new\.csv: it has fewer rows"):
        list(FERPLUS.read(layout(faces, votes[:-1])))
    with pytest.raises(SourceError, match=r"fer2013\.csv: it has fewer rows"):
        list(FERPLUS.read(layout(faces[:-1], votes)))


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"neither fer2013\.csv nor"):
        list(FERPLUS.read(tmp_path))
    wrong_names = pack(tmp_path / "a", "train", [0, 1], vote_names=np.array(COLUMNS[::-1]))
    with pytest.raises(SourceError, match="its votes are not over neutral"):
        list(FERPLUS.read(wrong_names))
    wrong_offsets = pack(tmp_path / "b", "train", [0, 1], offset=np.array([0, 5, 10**6]))
    with pytest.raises(SourceError, match="outside the blob") as caught:
        list(FERPLUS.read(wrong_offsets))
    assert caught.value.row == 2


@pytest.mark.realdata
def test_the_published_counts() -> None:
    folder = Path(os.environ.get("AFFECTKIT_DATA", "")) / "ferplus"
    if "AFFECTKIT_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("AFFECTKIT_DATA names no folder with ferplus/")
    faces = dict.fromkeys(("train", "val"), 0)
    labelled = dict.fromkeys(("train", "val"), 0)
    for sample in FERPLUS.read(folder):
        faces[sample.split] += 1
        labelled[sample.split] += sample.record.get("label") is not None
    assert faces == {"train": 28561, "val": 3579}
    assert labelled == {"train": 25060, "val": 3199}

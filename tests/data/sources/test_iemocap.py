from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from affectkit.data.sources.iemocap import IEMOCAP

if TYPE_CHECKING:
    from tests.data.sources.conftest import Made, Refused

HEAD = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "IEMOCAP_full_release"
    for session in range(1, 6):
        dialog = folder / f"Session{session}" / "dialog"
        (dialog / "EmoEvaluation" / "Categorical").mkdir(parents=True)
        (dialog / "transcriptions").mkdir()
        name = f"Ses0{session}F_impro01"
        (dialog / "EmoEvaluation" / f"{name}.txt").write_text(
            HEAD
            + f"[6.5000 - 8.2500]\t{name}_M000\texc\t[4.5000, 3.0000, 5.5000]\n"
            + "C-E2:\tExcited;\t()\nA-E3:\tval 5; act 3; dom 5;\t()\n\n"
            + f"[1.2500 - 4.0000]\t{name}_F000\tneu\t[2.5000, 2.0000, 2.5000]\n"
            + f"[9.0000 - 9.5000]\t{name}_F001\txxx\t[2.5000, 2.0000, 2.5000]\n"
        )
        (dialog / "transcriptions" / f"{name}.txt").write_text(
            f"{name}_F000 [001.2500-004.0000]: Excuse me.\n"
            f"{name}_MXX0 [004.0000-005.0000]: Mhm.\n"
            f"{name}_M000 [006.5000-008.2500]: Yes!\n"
            "M: a remark\n"
            f"{name}_F001 [009.0000-009.5000]: Well.\n"
        )
    return folder


def test_turns_in_time_with_words_codes_and_ratings(folder: Path, made: Made) -> None:
    manifest, found = made(IEMOCAP, folder)
    assert manifest.class_counts == {"train": (0, 0, 4, 0, 4, 0), "test": (0, 0, 1, 0, 1, 0)}
    assert list(found["test"]) == ["Ses05F_impro01"]
    record = found["train"]["Ses02F_impro01"][0]
    assert record["speakers"] == ["Ses02F", "Ses02M"]
    assert record["meta"] == {"session": 2, "scripted": 0}
    assert record["utterances"] == [
        {
            "id": "Ses02F_impro01_F000",
            "text": "Excuse me.",
            "speaker": 0,
            "label": 2,
            "start": 1.25,
            "end": 4.0,
            "dims": [2.5, 2.0, 2.5],
        },
        {
            "id": "Ses02F_impro01_M000",
            "text": "Yes!",
            "speaker": 1,
            "label": 4,
            "start": 6.5,
            "end": 8.25,
            # A mean above the scale is no value of it.
            "dims": [4.5, 3.0, None],
        },
        {
            "id": "Ses02F_impro01_F001",
            "text": "Well.",
            "speaker": 0,
            "label": None,
            "start": 9.0,
            "end": 9.5,
            "dims": [2.5, 2.0, 2.5],
        },
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("[1.0 - 2.0] Ses01F_impro01_F000 neu [1.0, 2.0, 3.0]", "with tabs"),
        ("[1.0 - 2.0]\tSes01F_impro01_F009\tneu\t[1.0, 2.0, 3.0]", "no words for Ses01F_impro01_F009"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[1.0, 2.0, 3.0]", "already in row 7"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\thpy\t[1.0, 2.0, 3.0]", "'hpy' is none of ang"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[1.0, 2.0]", "with tabs"),
    ],
)
def test_a_malformed_rating_is_named(folder: Path, refused: Refused, row: str, words: str) -> None:
    path = folder / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    path.write_text(path.read_text() + row + "\n")
    refused(IEMOCAP, folder, at=path, row=9, words=words)


def test_a_malformed_transcript_is_named(folder: Path, refused: Refused) -> None:
    path = folder / "Session3" / "dialog" / "transcriptions" / "Ses03F_impro01.txt"
    path.write_text("Ses03F_impro01_F000 Excuse me.\n")
    refused(IEMOCAP, folder, at=path, row=1, words=r"no TURN \[START-END\]: WORDS")


def test_a_missing_session_is_named(folder: Path, refused: Refused) -> None:
    place = folder / "Session4" / "dialog" / "EmoEvaluation"
    (place / "Ses04F_impro01.txt").unlink()
    refused(IEMOCAP, folder, at=place, row=None, words="whole release")

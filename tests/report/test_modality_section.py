"""Which modality counted, from the file that a test writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.colors import same_color

from affectkit.report.figures.style import INK
from affectkit.report.modality_section import modality_section, read_heard_turns

TABLE = """key,utterance,target,prediction,p_joy,p_fear,speaker,share_audio,share_text
long,0,joy,joy,1,0,0,0.5,0.5
long,1,joy,joy,1,0,1,0.5,0.5
long,2,joy,joy,1,0,0,0.5,0.5
long,3,joy,joy,1,0,0,0.5,0.5
typical,0,joy,joy,1,0,0,0.25,0.75
typical,1,fear,joy,1,0,27,1,0
typical,2,,joy,1,0,,0,0
short,0,joy,joy,1,0,0,0,1
shorter,0,joy,joy,1,0,0,0,1
shorter,1,joy,joy,1,0,0,0,1
"""


def write(folder: Path, text: str = TABLE) -> Path:
    path = folder / "predictions.csv"
    path.write_text(text)
    return path


def test_a_conversation_of_median_length_is_drawn_with_who_spoke_and_what_was_wrong(tmp_path: Path) -> None:
    section = modality_section(read_heard_turns(write(tmp_path)))
    assert section is not None
    (picture,) = section.pictures
    (axes,) = picture.figure.axes
    labels = axes.get_xticklabels()
    assert [text.get_text() for text in labels] == ["A joy", "speaker 28 joy\n(true: fear)", "joy"]
    assert [same_color(text.get_color(), INK) for text in labels] == [True, False, True]
    assert axes.get_title(loc="left") == "Share of each modality in typical"
    assert picture.numbers is not None
    assert picture.numbers.rows[:2] == [
        ["A joy", "0.250000", "0.750000"],
        ["speaker 28 joy (true: fear)", "1.000000", "0.000000"],
    ]
    (means,) = section.tables
    assert [list(row) for row in means.rows] == [["audio", "6 of 10", "0.542"], ["text", "8 of 10", "0.719"]]


def test_rows_that_are_no_conversations_have_means_alone(tmp_path: Path) -> None:
    lines = TABLE.splitlines()
    text = "\n".join(line for line in lines if line.startswith(("key", "short,"))) + "\n"
    section = modality_section(read_heard_turns(write(tmp_path, text)))
    assert section is not None and not section.pictures
    assert section.tables[0].rows[0] == ["audio", "0 of 1", ""]


def test_without_shares_there_is_no_section(tmp_path: Path) -> None:
    assert read_heard_turns(tmp_path / "absent.csv") == []
    assert read_heard_turns(write(tmp_path, "key,utterance,target,prediction,p_joy\na,0,joy,joy,1\n")) == []
    assert modality_section([]) is None


def test_a_damaged_share_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        read_heard_turns(write(tmp_path, TABLE.replace("0.25,0.75", "0.25,much")))

"""Predictions over time: which samples, in which order, with breaks where nothing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from affectkit.report.circumplex_section import circumplex_section
from affectkit.report.figures import trajectory_figure
from affectkit.report.predicted_values import read_predicted_values

HEADER = "key,utterance,target,prediction,dim_valence,dim_arousal\n"


def section_of(folder: Path, rows: list[tuple[str, int, str, str]]) -> object:
    text = "".join(f"{key},{turn},,,{valence},{arousal}\n" for key, turn, valence, arousal in rows)
    path = folder / "predictions.csv"
    path.write_text(HEADER + text)
    return circumplex_section(read_predicted_values(path), None)


def test_turns_are_joined_in_their_order_and_lengths_are_middling(tmp_path: Path) -> None:
    rows = [("long", turn, "0.0", "0.1") for turn in range(9)]
    rows += [("b", 1, "0.3", "0.4"), ("b", 0, "0.1", "0.2"), ("b", 2, "0.5", "0.6")]
    rows += [("single", 0, "0.9", "0.9")]
    # A task that judges utterances one by one puts their number into the key.
    rows += [("turns#1", 0, "0.2", "0.2"), ("turns#0", 0, "-0.2", "-0.2"), ("turns#2", 0, "", "")]
    rows += [(f"more {number}", turn, "0.5", "0.5") for number in range(3) for turn in range(3)]
    section = section_of(tmp_path, rows)
    _, picture = section.pictures  # type: ignore[attr-defined]
    assert picture.name == "trajectories"
    assert [axes.get_title() or axes.get_title(loc="left") for axes in picture.figure.axes] == [
        "b",
        "turns",
        "more 0",
        "more 1",
    ]
    assert picture.numbers.rows[:6] == [
        ["b", "0", "0.100000", "0.200000"],
        ["b", "1", "0.300000", "0.400000"],
        ["b", "2", "0.500000", "0.600000"],
        ["turns", "0", "-0.200000", "-0.200000"],
        ["turns", "1", "0.200000", "0.200000"],
        ["turns", "2", "", ""],
    ]


def test_turns_keep_the_number_that_they_are_stored_under(tmp_path: Path) -> None:
    # Turns 0 and 3 were not tested, e.g. as nobody answers them.
    rows = [("a#4", 0, "0.5", "0.6"), ("a#1", 0, "0.1", "0.2"), ("a#2", 0, "0.3", "0.4")]
    section = section_of(tmp_path, rows)
    _, picture = section.pictures  # type: ignore[attr-defined]
    assert [text.get_text() for text in picture.figure.axes[0].texts] == ["1", "2", "4"]
    assert [row[1] for row in picture.numbers.rows] == ["1", "2", "4"]


def test_rows_that_are_no_conversations_have_none(tmp_path: Path) -> None:
    section = section_of(tmp_path, [("a", 0, "0.1", "0.2"), ("b", 0, "0.3", "0.2")])
    assert [picture.name for picture in section.pictures] == ["circumplex"]  # type: ignore[attr-defined]


def test_a_panel_holds_its_path_on_one_scale_with_all() -> None:
    path = np.array([[0.0, 0.1], [np.nan, np.nan], [0.4, 0.2], [0.5, -0.3]])
    far = np.array([[2.0, 2.0]])
    figure = trajectory_figure(
        {"a": path, "b": far}, turns={"a": [1, 2, 5, 6], "b": [0]}, around=np.zeros((3, 2)), limits=(-1, 1)
    )
    first, second = figure.axes
    lines = [np.asarray(line.get_xydata()) for line in first.lines]
    np.testing.assert_array_equal(next(line for line in lines if len(line) == 4), path)
    ends = [part for part in first.collections if isinstance(part, PathCollection)][-2:]
    assert [np.asarray(part.get_offsets()).tolist() for part in ends] == [[[0.0, 0.1]], [[0.5, -0.3]]]
    assert [text.get_text() for text in first.texts] == ["1", "5", "6"]
    assert first.get_xlim() == second.get_ylim() and first.get_xlim()[1] > 2 and first.get_xlim()[0] < -1


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ValueError, match="got none: give at least one"):
        trajectory_figure({}, turns={})
    with pytest.raises(ValueError, match="got a: give"):
        trajectory_figure({"a": np.zeros((3, 3))}, turns={"a": [0, 1, 2]})
    with pytest.raises(ValueError, match="points of a: give one for each"):
        trajectory_figure({"a": np.zeros((3, 2))}, turns={"a": [0, 1]})

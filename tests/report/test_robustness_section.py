"""What `affectkit robustness` measured, on the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectkit.report.robustness import MissingPattern, RobustnessRun, compare_runs
from affectkit.report.robustness.conflict import ConflictReport
from affectkit.report.robustness_section import RECORD, read_robustness, robustness_section

CONFLICT = ConflictReport(40, 10, 0.75, 0.5, {"audio": 0.25, "text": None}, {"audio": 0.5, "text": 0.5})


def measured(name: str, *, loss: float, conflict: ConflictReport | None = None) -> RobustnessRun:
    scores = {
        MissingPattern(missing, rate, seed): {"weighted_f1": 0.8 - loss * rate - 0.1 * seed, "uar": 0.5}
        for missing in ("text", "audio", "any")
        for rate in (0.5, 0.25)
        for seed in (0, 1)
    }
    complete = {"weighted_f1": 0.8, "uar": float("nan")}
    return RobustnessRun(name, ("audio", "text"), complete, scores, conflict, 40, "digest")


def write(folder: Path, *runs: RobustnessRun) -> None:
    (folder / RECORD).parent.mkdir()
    compare_runs(runs).write(folder / RECORD)


def test_curves_and_conflicts_are_those_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, measured("mine", loss=0.4, conflict=CONFLICT))
    section = robustness_section(read_robustness(tmp_path))
    assert section is not None and section.text.startswith("40 samples")
    (picture,) = section.pictures
    assert [axes.get_title(loc="left") for axes in picture.figure.axes if axes.get_visible()] == [
        "audio",
        "text",
        "any",
    ]
    rates, conflicts = section.tables
    # 0.8 - 0.4 * 0.5 of one draw and 0.1 less of the other.
    assert rates.header == ["missing", "0 %", "25 %", "50 %"]
    assert [list(row) for row in rates.rows] == [
        [kind, "80.0", "65.0", "55.0"] for kind in ("audio", "text", "any")
    ]
    assert rates.caption == "weighted F1, in percent"
    assert [list(row) for row in conflicts.rows] == [["mine", "40", "10", "75.0", "50.0"]]
    assert picture.numbers is not None
    assert list(picture.numbers.rows[1]) == ["audio", "mine", "0.25", "0.650000", "0.070711"]
    assert "two" not in picture.description and "2 draws" in picture.description


@pytest.mark.parametrize(
    ("metric", "caption", "whole"),
    [
        ("uar_present", "uar present, in percent", "80.0"),
        ("accuracy_at_80", "accuracy at 80, in percent", "80.0"),
        ("faces/macro_f1", "faces/macro F1, in percent", "80.0"),
        ("ccc_valence", "ccc valence", "0.800"),
        ("rmse", "rmse", "0.800"),
        ("f1/nll", "f1/nll", "0.800"),
    ],
)
def test_only_shares_are_in_percent(tmp_path: Path, metric: str, caption: str, whole: str) -> None:
    run = measured("mine", loss=0.4)
    scores = {pattern: {metric: found["weighted_f1"]} for pattern, found in run.scores.items()}
    write(tmp_path, run._replace(scores=scores, complete={metric: 0.8}))
    section = robustness_section(read_robustness(tmp_path))
    assert section is not None
    (table,) = section.tables
    assert (table.caption, table.rows[0][1]) == (caption, whole)


def test_several_runs_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, measured("mine", loss=0.4), measured("other", loss=0.2))
    section = robustness_section(read_robustness(tmp_path))
    assert section is not None
    assert [row[0] for row in section.tables[0].rows][:2] == ["audio, mine", "audio, other"]
    assert len(section.tables) == 1 and "a line for each run" in section.pictures[0].description


def test_without_a_file_there_is_no_section_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    assert read_robustness(tmp_path) is None and robustness_section(None) is None
    write(tmp_path, measured("mine", loss=0.4))
    place = tmp_path / RECORD
    whole = json.loads(place.read_text())
    del whole["runs"][0]["scores"]
    place.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match="lacks 'scores'"):
        read_robustness(tmp_path)
    place.write_text("[]")
    with pytest.raises(ValueError, match="holds no measured run"):
        read_robustness(tmp_path)


def test_a_pattern_without_a_score_is_left_out(tmp_path: Path) -> None:
    run = measured("mine", loss=0.4)
    gone = {
        pattern: {**scores, "weighted_f1": float("nan")} if pattern.missing == "audio" else scores
        for pattern, scores in run.scores.items()
    }
    write(tmp_path, run._replace(scores=gone))
    section = robustness_section(read_robustness(tmp_path))
    assert section is not None and "nan" not in str([table.rows for table in section.tables])

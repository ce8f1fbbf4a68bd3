"""The report says whether probabilities can be believed, from the file that a test writes."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from affectkit.report.figures import reliability_figure, risk_coverage_figure
from affectkit.report.predicted_chances import read_predicted_chances
from affectkit.report.trust_section import trust_section

LABELS = ("calm", "glad")
#: Probability of calm and the true label; "" = unknown.
ROWS = [(0.9, "calm"), (0.9, "calm"), (0.9, "glad"), (0.2, "glad"), (1.0, "calm"), (0.5, "")]


def write(path: Path, rows: list[tuple[float, str]] = ROWS) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "utterance", "target", "prediction", *(f"p_{label}" for label in LABELS)])
        for number, (chance, target) in enumerate(rows):
            writer.writerow([number, 0, target, "", f"{chance:.6f}", f"{1 - chance:.6f}"])
    return path


def table(section_caption: str, path: Path) -> list[list[str]]:
    section = trust_section(read_predicted_chances(path))
    assert section is not None
    (found,) = (found for found in section.tables if found.caption == section_caption)
    return [list(row) for row in found.rows]


def test_scores_are_those_of_the_rows_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "predictions.csv")
    values = {name: float(value) for name, _, value in table("Scores of the probabilities", path)}
    # One row of five is wrong, at 0.9; the unlabelled one is left out.
    assert values["ece"] == pytest.approx((abs(2.7 - 2) + abs(0.8 - 1) + 0) / 5, abs=1e-4)
    wrong = 2 * 0.9**2
    assert values["brier"] == pytest.approx((2 * 2 * 0.1**2 + wrong + 2 * 0.2**2) / 5, abs=1e-4)
    assert values["nll"] == pytest.approx(-(2 * math.log(0.9) + math.log(0.1) + math.log(0.8)) / 5, abs=1e-4)
    kept = table("Answering only what is sure", path)
    assert kept[0] == ["100 %", "0.800", "0.800"]
    # Of the three rows of 0.9 two are right, and half of them are answered beside the one that is sure.
    assert kept[4] == ["50 %", "0.900", f"{(1 + 1.5 * 2 / 3) / 2.5:.3f}"]
    assert [row[1:] for row in table("Bins of confidence", path)] == [
        ["1", "0.800", "1.000"],
        ["3", "0.900", "0.667"],
        ["1", "1.000", "1.000"],
    ]


def test_pictures_carry_their_numbers(tmp_path: Path) -> None:
    section = trust_section(read_predicted_chances(write(tmp_path / "predictions.csv")))
    assert section is not None
    assert [picture.name for picture in section.pictures] == ["reliability", "risk_coverage"]
    assert all(picture.numbers is not None and picture.numbers.rows for picture in section.pictures)


def test_bars_are_shares_of_right_answers() -> None:
    sums = np.array([[0.0, 0.0, 0.0], [4.0, 3.0, 1.0]])
    upper, lower = reliability_figure(sums).axes
    assert [patch.get_height() for patch in upper.patches] == [0.25]  # type: ignore[attr-defined]
    assert [patch.get_height() for patch in lower.patches] == [0.0, 4.0]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"give \(bins, 3\)"):
        reliability_figure(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="at least one"):
        risk_coverage_figure(np.zeros(0), np.zeros(0))


def test_there_is_no_section_without_probabilities_of_one_label(tmp_path: Path) -> None:
    assert read_predicted_chances(tmp_path / "absent.csv") is None
    assert read_predicted_chances(write(tmp_path / "unlabelled.csv", [(0.5, "")])) is None
    several = tmp_path / "several.csv"
    several.write_text("key,utterance,target,prediction,p_calm,p_glad\na,0,calm,calm; glad,0.9,0.8\n")
    assert read_predicted_chances(several) is None
    values = tmp_path / "values.csv"
    values.write_text("key,utterance,target,prediction,dim_valence\na,0,,,0.3\n")
    assert read_predicted_chances(values) is None
    assert trust_section(None) is None


def test_a_label_without_a_column_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "predictions.csv", [(0.9, "cross")])
    with pytest.raises(ValueError, match="cross"):
        read_predicted_chances(path)

"""The part of a report that says what calibrating the run changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectkit.report.calibrate_run import RunCalibration
from affectkit.report.calibration_record import CalibrationScores, calibration_scores, scores_of
from affectkit.report.figures import reliability_comparison_figure
from affectkit.report.page import Picture, Section, Table
from affectkit.report.predicted_chances import PredictedChances

_NAMES = {
    "before": "validation, as it was",
    "after": "validation, scaled (fitted on these rows)",
    "held_out": "validation, scaled by what the other samples say",
}


def calibration_section(
    record: Mapping[str, object] | None, chances: PredictedChances | None
) -> Section | None:
    """Reliability before and after the scaling that belongs to the run; None where there is none.

    Args:
        record: What ``calibration.json`` holds.
        chances: Probabilities of the test, to which a temperature is applied.
    """
    if record is None:
        return None
    stated = {name: scores_of(record, name) for name in _NAMES}
    found = {_NAMES[name]: scores for name, scores in stated.items() if scores is not None}
    temperature = record.get("temperature")
    if chances is not None and isinstance(temperature, float):
        # What a softmax forgets of the logits, one number a row, a temperature does not change either.
        logs, target = chances.log_probabilities, chances.target
        found["test, as it was"] = calibration_scores(logs, target)
        found["test, scaled"] = calibration_scores(logs / temperature, target)
    before, after = stated["before"], stated["held_out"] or stated["after"]
    assert before is not None and after is not None, "calibrate_run() writes both"
    kind = (
        f"One temperature, {temperature:.3f}, divides all logits"
        if isinstance(temperature, float)
        else "Each class has a factor and a shift of its own"
    )
    return Section(
        "Calibration",
        text=f"{kind}, fitted on {record['rows']} validation rows; its file lies beside the checkpoint.",
        pictures=[_picture(before, after)],
        tables=[_table(found)],
    )


def _picture(before: CalibrationScores, after: CalibrationScores) -> Picture:
    return Picture(
        "calibration",
        reliability_comparison_figure({"Before": _array(before), "After": _array(after)}),
        "How often answers are right (bars) against how sure they were (diamonds), before and after the "
        "scaling, on validation rows; the numbers are in the file of the picture's name.",
        _bins(before, after),
    )


def _bins(before: CalibrationScores, after: CalibrationScores) -> Table:
    rows = []
    for name, scores in (("before", before), ("after", after)):
        for index, (number, confidence, right) in enumerate(scores.bins):
            low, high = index / len(scores.bins), (index + 1) / len(scores.bins)
            means = ["", ""] if not number else [f"{confidence / number:.6f}", f"{right / number:.6f}"]
            rows.append([name, f"{low:.3f}", f"{high:.3f}", str(int(number)), *means])
    header = ["scaling", "from", "to", "rows", "mean confidence", "share right"]
    return Table("Reliability before and after", header, rows)


def _table(found: Mapping[str, CalibrationScores]) -> Table:
    rows = [[name, f"{one.nll:.4f}", f"{one.ece:.4f}", f"{one.accuracy:.4f}"] for name, one in found.items()]
    return Table("Before and after the scaling", ["rows and logits", "NLL", "ECE", "accuracy"], rows)


def _array(scores: CalibrationScores) -> NDArray[np.float64]:
    return np.asarray(scores.bins, dtype=np.float64)


def draw_calibration(found: RunCalibration) -> Path:
    """Write ``figures/calibration.png`` and its numbers into the run folder; the path of the picture."""
    picture = _picture(found.before, found.held_out or found.after)
    folder = found.run / "figures"
    folder.mkdir(exist_ok=True)
    return picture.write(folder)

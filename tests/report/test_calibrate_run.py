"""What calibrating says about itself: scores, rows held out, and the section of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.calibration import TemperatureScaling, fit_scaling
from affectkit.metrics import Accuracy, CalibrationError
from affectkit.report import RunCalibration, calibration_scores
from affectkit.report.calibrate_run import held_out_logits
from affectkit.report.calibration_record import read_calibration
from affectkit.report.calibration_section import calibration_section
from affectkit.report.predicted_chances import PredictedChances
from affectkit.report.validation_rows import ValidationRows

CLASSES = 3


def rows(number: int = 200) -> ValidationRows:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(number, CLASSES, generator=generator)
    label = torch.multinomial(honest.softmax(-1), 1, generator=generator).squeeze(1)
    # Four utterances to a conversation.
    return ValidationRows([f"talk {index // 4}" for index in range(number)], 3 * honest, label)


def metric(kind: type[Accuracy] | type[CalibrationError], logits: Tensor, target: Tensor) -> float:
    counted = kind(CLASSES)
    counted.update(logits, target)
    value: Tensor = counted.compute()
    return value.item()


def test_scores_are_those_of_the_metrics() -> None:
    _, logits, target = rows()
    scores = calibration_scores(logits.double(), target)
    assert scores.nll == pytest.approx(F.cross_entropy(logits.double(), target).item())
    assert scores.ece == pytest.approx(metric(CalibrationError, logits.double(), target))
    assert scores.accuracy == pytest.approx(metric(Accuracy, logits, target))
    assert sum(row[0] for row in scores.bins) == len(target)


def test_no_row_is_scaled_by_what_its_own_conversation_says() -> None:
    given = rows()
    found = held_out_logits(given, method="temperature")
    assert found is not None
    factors = (found / given.logits.double()).mean(-1)
    by_talk: dict[str, set[float]] = {}
    for key, factor in zip(given.keys, factors.tolist(), strict=True):
        by_talk.setdefault(key, set()).add(round(factor, 9))
    assert {len(seen) for seen in by_talk.values()} == {1}
    folds = {next(iter(seen)) for seen in by_talk.values()}
    assert len(folds) == 5
    for factor in folds:
        others = torch.tensor([round(one, 9) != factor for one in factors.tolist()])
        scaling = TemperatureScaling()
        fit_scaling(scaling, given.logits[others], given.target[others])
        assert 1 / scaling.temperature == pytest.approx(factor, rel=1e-5)


def test_there_is_nothing_held_out_where_a_class_is_lacking() -> None:
    given = rows(40)
    given.target[:] = 0
    given.target[0], given.target[1] = 1, 2  # one conversation has all of the rare classes
    assert held_out_logits(given, method="vector") is None
    assert held_out_logits(given, method="temperature") is not None
    assert held_out_logits(ValidationRows(["a"], given.logits[:1], given.target[:1]), method="vector") is None


def calibration(folder: Path, temperature: float | None) -> RunCalibration:
    _, logits, target = rows()
    before, after = calibration_scores(logits, target), calibration_scores(logits / 3, target)
    labels = ("calm", "glad", "cross")
    return RunCalibration(folder, "temperature", labels, 200, before, after, None, temperature, folder / "x")


def test_the_page_says_what_was_written(tmp_path: Path) -> None:
    assert calibration_section(read_calibration(tmp_path), None) is None
    found = calibration(tmp_path, 3.0)
    (tmp_path / "calibration.json").write_bytes(found.as_json())
    _, logits, target = rows()
    chances = PredictedChances(found.labels, logits.double().log_softmax(-1), target)
    section = calibration_section(read_calibration(tmp_path), chances)
    assert section is not None
    cells = {row[0]: row[1:] for row in section.tables[0].rows}
    # The test rows here are the validation rows: a temperature of probabilities is one of logits.
    assert cells["test, as it was"] == cells["validation, as it was"]
    assert cells["test, scaled"] == cells["validation, scaled (fitted on these rows)"]
    assert cells["test, scaled"] != cells["test, as it was"]
    (picture,) = section.pictures
    assert picture.numbers is not None and len(picture.numbers.rows) == 30
    assert [axes.get_title(loc="left") for axes in picture.figure.axes[:2]] == ["Before", "After"]


def test_factors_of_classes_are_not_applied_to_probabilities(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_bytes(calibration(tmp_path, None).as_json())
    _, logits, target = rows()
    chances = PredictedChances(("calm", "glad", "cross"), logits.log_softmax(-1), target)
    section = calibration_section(read_calibration(tmp_path), chances)
    assert section is not None
    assert [row[0].split(",")[0] for row in section.tables[0].rows] == ["validation"] * 2


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("[]")
    with pytest.raises(ValueError, match="holds no calibration"):
        read_calibration(tmp_path)

"""Probabilities are scaled as `affectkit calibrate` fitted it, which the table says; logits never are."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from affectkit.calibration import ScalingFileError, TemperatureScaling, VectorScaling, save_scaling
from affectkit.cli.main import main
from affectkit.labels import label_space
from affectkit.predict import PredictError, Prediction, open_predictor, write_predictions
from affectkit.tasks import DialogueTextTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
LABELS = label_space("meld7.official").labels


@pytest.fixture
def run(tmp_path: Path, kept_run: Callable[..., Path]) -> Path:
    torch.manual_seed(0)
    task = DialogueTextTask("meld7.official", "tiny")
    (tmp_path / "a.txt").write_text("I am so happy!\nwhat\n")
    return kept_run(tmp_path / "run", task, "TextDataModule", tokenizer="tiny")


def rows(run: Path, *, calibrated: bool = True) -> list[Prediction]:
    predictor = open_predictor(run, device="cpu", calibrated=calibrated)
    return list(predictor.rows(predictor.find([run.parent / "a.txt"])))


def test_a_temperature_is_used_and_said(run: Path) -> None:
    stated = rows(run)
    assert [row.scaling for row in stated] == ["", ""]
    scaling = TemperatureScaling()
    torch.nn.init.constant_(scaling.log_temperature, math.log(0.25))
    save_scaling(run / "checkpoints" / "best.ckpt", scaling, labels=LABELS, rows=9)
    for row, before in zip(rows(run), stated, strict=True):
        expected = (4 * torch.tensor(row.logits, dtype=torch.float64)).softmax(dim=0).tolist()
        assert list(row.probabilities.values()) == pytest.approx(expected)
        assert row.logits == before.logits and row.label == before.label
        assert row.scaling == "temperature 0.2500" and (row.top or 0) > (before.top or 1)
    assert rows(run, calibrated=False) == stated


def test_shifts_can_change_the_label(run: Path) -> None:
    scaling = VectorScaling(7)
    shifts = [
        parameter for name, parameter in scaling.named_parameters() if "shift" in name or "bias" in name
    ]
    with torch.no_grad():
        shifts[0][3] = 50.0
    save_scaling(run / "checkpoints" / "best.ckpt", scaling, labels=LABELS, rows=9)
    found = rows(run)
    assert {row.label for row in found} == {LABELS[3]}
    assert re.fullmatch("7 factors and shifts [0-9a-f]{8}", found[0].scaling) and len(found) == 2


def test_rows_of_another_scaling_are_not_kept(run: Path) -> None:
    def table(after: int | None) -> int:
        """How many rows of an earlier call are kept; this one may stop after some of its own."""

        def stop(done: int, total: int) -> None:
            if done == after:
                raise KeyboardInterrupt

        predictor = open_predictor(run, device="cpu", batch_size=1)
        items = predictor.find([run.parent / "a.txt"])
        return write_predictions(predictor, items, out=run.parent / "p.csv", progress=stop).kept

    scaling = VectorScaling(7)
    for shift, kept in ((0.5, 0), (0.5, 1), (0.75, 0)):
        for parameter in scaling.parameters():
            torch.nn.init.constant_(parameter, shift)
        save_scaling(run / "checkpoints" / "best.ckpt", scaling, labels=LABELS, rows=9)
        assert table(None) == kept
        with pytest.raises(KeyboardInterrupt):
            table(1)


def test_the_table_says_which(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_scaling(run / "checkpoints" / "best.ckpt", TemperatureScaling(), labels=LABELS, rows=9)
    place = run.parent
    given = ["predict", str(place / "a.txt"), "--model", str(run), "--device", "cpu", "--out"]
    assert main([*given, str(place / "a.csv")]) == 0
    assert "probabilities: softmax of logits scaled by temperature 1.0000" in capsys.readouterr().err
    with (place / "a.csv").open() as file:
        assert [row["scaling"] for row in csv.DictReader(file)] == ["temperature 1.0000"] * 2
    assert main([*given, str(place / "b.csv"), "--calibrated", "false"]) == 0
    assert "probabilities: softmax\n" in capsys.readouterr().err
    assert "scaling" not in (place / "b.csv").read_text().splitlines()[0]


def test_a_scaling_of_something_else_is_refused(run: Path) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    save_scaling(checkpoint, TemperatureScaling(), labels=LABELS[::-1], rows=9)
    with pytest.raises(
        PredictError, match=r"was fitted for one label of .*: run `affectkit calibrate` again"
    ):
        open_predictor(run)
    assert open_predictor(run, calibrated=False).manner == "softmax"
    save_scaling(checkpoint, TemperatureScaling(), labels=LABELS, rows=9)
    checkpoint.write_bytes(checkpoint.read_bytes() + b" ")
    with pytest.raises(ScalingFileError, match="was fitted for other weights"):
        open_predictor(run)
    with pytest.raises(PredictError, match=r"The threshold is 2: give a probability"):
        open_predictor(run, threshold=2)

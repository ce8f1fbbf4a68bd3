"""Predicted values stand in the files beside the labels, under the names of their axes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from affectkit.callbacks import ResultsWriter
from affectkit.callbacks.prediction import AffectPrediction
from affectkit.labels import LabelSpace

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.5, 0.0]])
DIMS = torch.tensor([[0.25, -0.5], [0.125, 1.0], [-1.0, 0.0]])


class Told(LightningModule):
    """Hands on the predictions that it was told."""

    def __init__(
        self, *, logits: bool, dims: bool, axes: tuple[str, ...] = (), utterances: bool = False
    ) -> None:
        super().__init__()
        self.label_space = LabelSpace("two.v1", ("calm", "glad")) if logits else None
        self.axes = axes
        self.shown = (LOGITS if logits else None, DIMS if dims else None)
        self.utterances = utterances

    def report_facts(self) -> dict[str, str | int | float]:
        return {}

    def _found(self) -> AffectPrediction:
        logits, dims = self.shown
        if self.utterances:  # one conversation of three utterances, the last of them padding
            return AffectPrediction(
                ["talk"],
                torch.tensor([0]),
                torch.tensor([[True, True, False]]),
                logits=None if logits is None else logits.unsqueeze(0),
                dims=None if dims is None else dims.unsqueeze(0),
                target=torch.tensor([[1, 0, -100]]),
            )
        return AffectPrediction(
            ["c", "a", "b"],
            torch.tensor([2, 0, 1]),
            torch.ones(3, dtype=torch.bool),
            logits=logits,
            dims=dims,
            target=torch.tensor([0, 1, -100]),
        )

    def test_step(self, batch: Tensor, batch_idx: int) -> dict[str, AffectPrediction]:
        return {"prediction": self._found()}

    def predict_step(self, batch: Tensor, batch_idx: int) -> AffectPrediction:
        return self._found()


def written(module: Told, folder: Path) -> list[dict[str, str]]:
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[ResultsWriter(folder)],
    )
    loader: DataLoader[Tensor] = DataLoader(torch.zeros(1, 1))  # type: ignore[arg-type]
    trainer.test(module, loader, verbose=False)
    trainer.predict(module, loader)
    assert (folder / "predictions.csv").read_bytes() == (folder / "predicted.csv").read_bytes()
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_labels_and_values_in_the_order_of_the_store(tmp_path: Path) -> None:
    rows = written(Told(logits=True, dims=True, axes=("valence", "arousal")), tmp_path)
    assert [row["key"] for row in rows] == ["a", "b", "c"]
    assert list(rows[0])[4:] == ["p_calm", "p_glad", "dim_valence", "dim_arousal"]
    assert [float(row["dim_arousal"]) for row in rows] == [1.0, 0.0, -0.5]
    assert [row["prediction"] for row in rows] == ["glad", "calm", "calm"]
    assert float(rows[2]["p_calm"]) == pytest.approx(1 / (1 + torch.tensor(-2.0).exp().item()), abs=1e-6)


def test_values_alone_have_a_table_and_no_confusion(tmp_path: Path) -> None:
    rows = written(Told(logits=False, dims=True), tmp_path)
    assert list(rows[0]) == ["key", "utterance", "target", "prediction", "dim_value0", "dim_value1"]
    assert [row["prediction"] for row in rows] == [""] * 3
    assert not (tmp_path / "confusion.json").exists()


def test_labels_alone_have_no_column_of_values(tmp_path: Path) -> None:
    rows = written(Told(logits=True, dims=False), tmp_path)
    assert list(rows[0])[4:] == ["p_calm", "p_glad"]
    assert (tmp_path / "confusion.json").exists()


def test_names_that_do_not_fit_the_values_are_left_out(tmp_path: Path) -> None:
    rows = written(Told(logits=True, dims=True, axes=("valence",)), tmp_path)
    assert list(rows[0])[-2:] == ["dim_value0", "dim_value1"]


class Heard(Told):
    """One conversation of two turns, and how much each modality counted."""

    def _found(self) -> AffectPrediction:
        found = super()._found()
        shares = {"text": torch.tensor([[0.25, 1.0, 0.0]]), "audio": torch.tensor([[0.75, 0.0, 0.0]])}
        return found._replace(speaker=torch.tensor([[0, 1, -1]]), shares=shares)


def test_shares_of_modalities_stand_beside_who_spoke(tmp_path: Path) -> None:
    rows = written(Heard(logits=True, dims=False, utterances=True), tmp_path)
    assert list(rows[0])[-3:] == ["speaker", "share_audio", "share_text"]
    assert [(row["speaker"], float(row["share_audio"]), float(row["share_text"])) for row in rows] == [
        ("0", 0.75, 0.25),
        ("1", 0.0, 1.0),
    ]


def test_utterances_have_a_row_each(tmp_path: Path) -> None:
    rows = written(Told(logits=True, dims=True, axes=("v", "a"), utterances=True), tmp_path)
    assert [(row["key"], row["utterance"], row["target"]) for row in rows] == [
        ("talk", "0", "glad"),
        ("talk", "1", "calm"),
    ]
    assert [float(row["dim_v"]) for row in rows] == [0.25, 0.125]

"""Data without what a task learns is missed before the first step, unless the loss is the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from affectkit.labels import AffectScale, LabelSpace, affect_scale, label_space
from affectkit.losses import MSELoss
from affectkit.tasks import AffectTask, AudioTask, ConversationTask, DimensionalTask, PromptTuningTask

SPACE = label_space("meld7.official")


class Unlabelled(LightningDataModule):
    """Names an order of labels, of which its train split has none."""

    def __init__(self, counts: list[int], rated: tuple[bool, ...]) -> None:
        super().__init__()
        self.counts = counts
        self.rated = rated

    @property
    def label_space(self) -> LabelSpace | None:
        return SPACE

    @property
    def feature_dims(self) -> Mapping[str, int]:
        return {"text": 4}

    @property
    def affect_scale(self) -> AffectScale | None:
        return affect_scale("va.unit") if self.rated else None

    def annotated_dims(self, split: str) -> tuple[bool, ...]:
        return self.rated

    def class_counts(self, split: str) -> Tensor:
        return torch.tensor(self.counts if split == "train" else [1] * len(SPACE))

    def train_dataloader(self) -> DataLoader[int]:
        raise AssertionError("The data are read.")


def fit(task: AffectTask, counts: list[int], folder: Path, *, rated: tuple[bool, ...] = ()) -> None:
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=folder, max_epochs=1
    )
    trainer.fit(task, datamodule=Unlabelled(counts, rated))


@pytest.mark.parametrize(
    "task",
    [
        ConversationTask(SPACE.name, {"text": 4}, hidden_dim=4),
        AudioTask(SPACE.name),
        PromptTuningTask(SPACE.name),
    ],
    ids=lambda task: type(task).__name__,
)
def test_labels_that_no_sample_has_are_missed(task: AffectTask, tmp_path: Path) -> None:
    said = rf"{type(task).__name__} learns the labels of 'meld7\.official', but no sample of the train split"
    with pytest.raises(ValueError, match=said):
        fit(task, [0] * 7, tmp_path)
    with pytest.raises(AssertionError, match="are read"):
        fit(task, [0, 0, 1, 0, 0, 0, 0], tmp_path)


def test_a_loss_of_your_own_may_learn_something_else(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="are read"):
        fit(ConversationTask(SPACE.name, {"text": 4}, hidden_dim=4, loss=MSELoss()), [0] * 7, tmp_path)


def test_values_that_nobody_annotated_are_missed(tmp_path: Path) -> None:
    task = DimensionalTask("va.unit", {"text": 4}, hidden_dim=4)
    with pytest.raises(ValueError, match="no sample of the train split has a value of arousal"):
        fit(task, [0] * 7, tmp_path, rated=(True, False))
    with pytest.raises(AssertionError, match="are read"):
        fit(task, [0] * 7, tmp_path, rated=(True, True))

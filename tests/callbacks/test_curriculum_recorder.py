from __future__ import annotations

from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader, Dataset

from affectkit.callbacks import CurriculumRecorder, OrdersByCurriculum, read_curriculum, read_shown


class _Numbers(Dataset[Tensor]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, place: int) -> Tensor:
        return torch.ones(1)


class _Data(LightningDataModule):
    def __init__(self, keys: list[str]) -> None:
        super().__init__()
        self.keys = keys

    def train_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader(_Numbers())

    def curriculum_order(self, epoch: int) -> list[tuple[str, float]]:
        return [(key, float(place)) for place, key in enumerate(self.keys[: epoch + 1])]

    def shown_keys(self, epoch: int) -> list[str]:
        return self.keys[epoch::-1]


class _Model(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        loss: Tensor = self.layer(batch).sum()
        return loss

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters(), lr=0.1)


def _fit(data: LightningDataModule, folder: Path) -> None:
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[CurriculumRecorder()],
    )
    trainer.fit(_Model(), datamodule=data)


def test_what_each_epoch_opens_is_recorded(tmp_path: Path) -> None:
    data = _Data(["dia-ä", "b", "c"])
    assert isinstance(data, OrdersByCurriculum)
    _fit(data, tmp_path)
    expected = {0: [("dia-ä", 0.0)], 1: [("dia-ä", 0.0), ("b", 1.0)]}
    assert read_curriculum(tmp_path) == expected
    assert read_shown(tmp_path) == {0: ["dia-ä"], 1: ["b", "dia-ä"]}
    # A torn line and a repeated epoch: the later line counts.
    with (tmp_path / CurriculumRecorder.FILE).open("a") as file:
        file.write('{"epoch": 7, "op')
    _fit(_Data(["z"]), tmp_path)
    assert read_curriculum(tmp_path) == {0: [("z", 0.0)], 1: [("z", 0.0)]}


def test_without_a_curriculum_nothing_is_written(tmp_path: Path) -> None:
    _fit(_Data([]), tmp_path)
    assert read_curriculum(tmp_path) == {}
    assert not (tmp_path / CurriculumRecorder.FILE).exists()

"""What is saved when; that training goes on exactly is tested with real kills in tests/tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader, Dataset

from affectkit.callbacks import ResumableCheckpoint

BATCHES = 6


class _Numbers(Dataset[Tensor]):
    def __len__(self) -> int:
        return BATCHES

    def __getitem__(self, place: int) -> Tensor:
        return torch.ones(1)


class _Model(LightningModule):
    """Logs the scores it is given, one for each validation."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.scores = scores

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        loss: Tensor = self.layer(batch).sum()
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        done = round(self.trainer.global_step * self.trainer.accumulate_grad_batches / BATCHES)
        self.log("val/score", self.scores[min(done, len(self.scores)) - 1], batch_size=1)

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters(), lr=0.1)


class _Noting(ResumableCheckpoint):
    """Notes (name, batches seen, optimizer steps) of each file."""

    saved: list[tuple[str, int, int]]

    def _save(self, trainer: Trainer, name: str) -> None:
        super()._save(trainer, name)
        self.saved = [
            *getattr(self, "saved", []),
            (name, trainer.fit_loop.total_batch_idx + 1, trainer.global_step),
        ]


def _trainer(callback: ResumableCheckpoint, folder: Path, **options: object) -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[callback],
        **{"max_epochs": 2, **options},  # type: ignore[arg-type]
    )


def _loader() -> DataLoader[Tensor]:
    return DataLoader(_Numbers())


def test_last_is_saved_on_steps_only_and_at_epoch_ends_after_validation(tmp_path: Path) -> None:
    callback = _Noting(every_n_steps=1)
    _trainer(callback, tmp_path, accumulate_grad_batches=4).fit(_Model([0.0]), _loader(), _loader())
    # Windows of an epoch of 6 batches: 4 and 2; the second closes with the epoch.
    assert callback.saved == [
        ("last.ckpt", 4, 1),
        ("last.ckpt", 6, 2),
        ("last.ckpt", 10, 3),
        ("last.ckpt", 12, 4),
    ]
    assert callback.last_model_path == str(tmp_path / "checkpoints" / "last.ckpt")
    assert callback.best_model_path == ""


def test_a_batch_that_validation_belongs_to_waits_for_it(tmp_path: Path) -> None:
    callback = _Noting(every_n_steps=3)
    trainer = _trainer(callback, tmp_path, max_epochs=1, val_check_interval=3)
    seen: list[int] = []
    model = _Model([0.0])
    original = model.validation_step

    def step(batch: Tensor, batch_idx: int) -> None:
        seen.append(len(getattr(callback, "saved", [])))
        original(batch, batch_idx)

    model.validation_step = step  # type: ignore[method-assign]
    trainer.fit(model, _loader(), _loader())
    assert callback.saved == [("last.ckpt", 3, 3), ("last.ckpt", 6, 6)]
    # Two batches of the sanity check, then all of the first validation: nothing had been saved.
    assert seen[: 2 + BATCHES] == [0] * (2 + BATCHES)


def test_training_cut_short_by_max_steps_is_saved_there(tmp_path: Path) -> None:
    callback = _Noting()
    _trainer(callback, tmp_path, max_epochs=-1, max_steps=8).fit(_Model([0.0]), _loader())
    assert callback.saved == [("last.ckpt", 6, 6), ("last.ckpt", 8, 8)]


@pytest.mark.parametrize(
    ("mode", "scores", "best"),
    [
        ("max", [0.5, 0.25, 0.5, 0.75], 3),
        ("min", [0.5, 0.25, 0.5, 0.75], 1),
        ("max", [float("nan"), 0.5, 0.5, 0.0], 1),
    ],
)
def test_best_is_the_first_best(
    tmp_path: Path, mode: Literal["max", "min"], scores: list[float], best: int
) -> None:
    callback = _Noting(monitor="val/score", mode=mode)
    _trainer(callback, tmp_path, max_epochs=4).fit(_Model(scores), _loader(), _loader())
    assert (callback.best_epoch, callback.best_score) == (best, scores[best])
    stored = torch.load(callback.best_model_path, weights_only=True)
    assert stored["epoch"] == best
    assert stored["callbacks"]["_Noting"]["best_score"] == scores[best]


def test_best_survives_a_resume_and_a_worse_score(tmp_path: Path) -> None:
    first = ResumableCheckpoint(monitor="val/score")
    _trainer(first, tmp_path, max_epochs=1).fit(_Model([0.75]), _loader(), _loader())
    before = Path(first.best_model_path).read_bytes()
    second = _Noting(monitor="val/score")
    second.__class__.__qualname__ = "ResumableCheckpoint"  # the state is kept under the class's name
    trainer = _trainer(second, tmp_path, max_epochs=2)
    trainer.fit(_Model([0.75, 0.1]), _loader(), _loader(), ckpt_path=first.last_model_path, weights_only=True)
    assert second.best_score == 0.75
    assert [name for name, *_ in second.saved] == ["last.ckpt"]
    assert Path(second.best_model_path).read_bytes() == before
    # The score of another metric says nothing about this one.
    other = ResumableCheckpoint(monitor="val/other")
    other.load_state_dict(second.state_dict())
    assert other.best_score is None


def test_unlogged_metric_is_named_with_those_that_are(tmp_path: Path) -> None:
    callback = ResumableCheckpoint(monitor="val/weighted_f1")
    with pytest.raises(KeyError, match=r"'val/weighted_f1', which was not logged: choose one of val/score"):
        _trainer(callback, tmp_path).fit(_Model([0.5]), _loader(), _loader())


def test_no_unfinished_file_stays_and_wrong_options_are_refused(tmp_path: Path) -> None:
    callback = ResumableCheckpoint(tmp_path / "mine", monitor="val/score")
    _trainer(callback, tmp_path, max_epochs=1).fit(_Model([0.5]), _loader(), _loader())
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["best.ckpt", "last.ckpt"]
    with pytest.raises(ValueError, match="mode='up'"):
        ResumableCheckpoint(mode="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="every_n_steps=0"):
        ResumableCheckpoint(every_n_steps=0)

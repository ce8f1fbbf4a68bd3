"""The data module under Lightning: resume where others lose their place, and real ranks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from affectkit import distributed
from affectkit.curriculum import BabyStepCurriculum, HclDifficulty
from affectkit.data import AffectBatch, ConversationDataModule

Shown = list[tuple[str, int, list[str]]]
Fitted = tuple[Shown, dict[str, object]]


class RunRanks(Protocol):
    """The shared fixture: a function in a group of real processes, results in order of rank."""

    def __call__(
        self,
        function: Callable[..., tuple[Shown, dict[str, object]]],
        *arguments: object,
        world_size: int = 2,
    ) -> list[tuple[Shown, dict[str, object]]]: ...


class Recorder(LightningModule):
    """Notes (stage, epoch, keys) of every batch; its schedule asks for the number of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.shown: Shown = []

    def note(self, stage: str, batch: AffectBatch) -> None:
        kept = [k for k, v in zip(batch.keys, batch.valid.tolist(), strict=True) if v]
        self.shown.append((stage, self.current_epoch, kept))

    def training_step(self, batch: AffectBatch, batch_idx: int) -> Tensor:
        self.note("train", batch)
        loss: Tensor = self.weight * batch.inputs["text"].mean()
        return loss

    def validation_step(self, batch: AffectBatch, batch_idx: int) -> None:
        self.note("val", batch)

    def test_step(self, batch: AffectBatch, batch_idx: int) -> None:
        self.note("test", batch)

    def predict_step(self, batch: AffectBatch, batch_idx: int) -> Tensor:
        self.note("predict", batch)
        return batch.valid

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[LRScheduler]]:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        # with this line Lightning drops the loader's own state on a resume
        steps = int(self.trainer.estimated_stepping_batches)
        return [optimizer], [OneCycleLR(optimizer, 0.1, total_steps=steps)]


class SaveEverywhere(Callback):
    """A checkpoint after each step, in the middle of each validation and at each epoch's end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        trainer.save_checkpoint(self.folder / f"step{trainer.global_step}.ckpt")

    def on_validation_batch_end(self, trainer: Trainer, *_: object) -> None:
        if not trainer.sanity_checking:
            trainer.save_checkpoint(self.folder / f"val{trainer.current_epoch}.ckpt")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.save_checkpoint(self.folder / f"epoch{trainer.current_epoch}.ckpt")


def quiet_trainer(
    *,
    max_epochs: int,
    callbacks: list[Callback] | None = None,
    val_check_interval: float = 1.0,
    devices: int = 1,
    strategy: str = "auto",
) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=devices,
        strategy=strategy,
        max_epochs=max_epochs,
        callbacks=callbacks,
        val_check_interval=val_check_interval,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def fit(root: str, *, save: Path | None = None, resume: Path | None = None, interval: float = 1.0) -> Shown:
    task = Recorder()
    data = ConversationDataModule(
        root, batch_size=4, seed=1, curriculum=BabyStepCurriculum(HclDifficulty(), buckets=2)
    )
    callbacks: list[Callback] = [] if save is None else [SaveEverywhere(save)]
    trainer = quiet_trainer(max_epochs=3, callbacks=callbacks, val_check_interval=interval)
    trainer.fit(task, datamodule=data, ckpt_path=resume, weights_only=True)
    return task.shown


def training(shown: Shown) -> Shown:
    return [entry for entry in shown if entry[0] == "train"]


def test_resume_from_any_checkpoint_shows_what_would_have_followed(dialogues: str, tmp_path: Path) -> None:
    whole = fit(dialogues, save=tmp_path)
    train = training(whole)
    assert len(train) == 9 and all(len(set(keys)) > 1 for _, _, keys in train)
    val = [key for stage, epoch, keys in whole if (stage, epoch) == ("val", 0) for key in keys]
    assert sorted(val) == [f"val{i:02}" for i in range(5)]
    for step in range(1, 9):
        assert training(fit(dialogues, resume=tmp_path / f"step{step}.ckpt")) == train[step:], step
    for epoch in range(2):
        for moment in ("val", "epoch"):
            after = fit(dialogues, resume=tmp_path / f"{moment}{epoch}.ckpt")
            assert training(after) == train[3 * (epoch + 1) :], (moment, epoch)


def test_resume_after_validation_in_the_middle_of_an_epoch(dialogues: str, tmp_path: Path) -> None:
    train = training(fit(dialogues, save=tmp_path, interval=1 / 3))
    # the last checkpoint of a validation in epoch 1 is that after its third step
    assert training(fit(dialogues, resume=tmp_path / "val1.ckpt", interval=1 / 3)) == train[6:]
    assert training(fit(dialogues, resume=tmp_path / "step5.ckpt", interval=1 / 3)) == train[5:]


def test_testing_and_predicting_leave_nothing_out(dialogues: str) -> None:
    task = Recorder()
    data = ConversationDataModule(dialogues, batch_size=3, predict_split="train")
    trainer = quiet_trainer(max_epochs=1)
    trainer.test(task, datamodule=data)
    trainer.predict(task, datamodule=data)
    for stage, number in (("test", 4), ("predict", 13)):
        seen = [key for name, _, keys in task.shown if name == stage for key in keys]
        assert len(seen) == len(set(seen)) == number


def fit_on_this_rank(root: str, rank: int) -> Fitted:
    """Two epochs on one of two ranks, with workers; runs inside a process group."""
    os.environ["LOCAL_RANK"] = str(rank)
    task = Recorder()
    data = ConversationDataModule(
        root,
        batch_size=4,
        curriculum=BabyStepCurriculum(HclDifficulty(), buckets=2),
        num_workers=2,
        multiprocessing_context="fork",
    )
    trainer = quiet_trainer(max_epochs=2, devices=2, strategy="ddp")
    trainer.fit(task, datamodule=data)
    assert (trainer.global_rank, trainer.world_size) == (rank, 2)
    return task.shown, data.state_dict()


def fit_by_group(root: str) -> Fitted:
    try:
        return fit_on_this_rank(root, distributed.rank())
    finally:
        del os.environ["LOCAL_RANK"]


@pytest.mark.distributed
def test_two_real_ranks_see_the_batches_of_one_process(dialogues: str, run_ranks: RunRanks) -> None:
    (first, state), (second, other) = run_ranks(fit_by_group, dialogues)
    assert state == other
    assert [entry[:2] for entry in first] == [entry[:2] for entry in second]
    joined = [(stage, epoch, a + b) for (stage, epoch, a), (_, _, b) in zip(first, second, strict=True)]
    alone = ConversationDataModule(
        dialogues, batch_size=4, curriculum=BabyStepCurriculum(HclDifficulty(), buckets=2)
    )
    for epoch in range(2):
        wanted = [batch.keys for batch in alone.train_dataloader()]
        assert [keys for stage, at, keys in joined if (stage, at) == ("train", epoch)] == wanted
        seen = [key for stage, at, keys in joined if (stage, at) == ("val", epoch) for key in keys]
        assert sorted(seen) == [f"val{i:02}" for i in range(5)]
    assert alone.state_dict() == state

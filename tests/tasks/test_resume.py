"""SIGKILL anywhere, then the same again: ids, losses, log and weights as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor

from affectkit.callbacks import (
    AppendingCSVLogger,
    CurriculumRecorder,
    ResumableCheckpoint,
    read_curriculum,
    read_log,
)
from affectkit.curriculum import BabyStepCurriculum, HclDifficulty
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.tasks import ConversationTask

pytestmark = pytest.mark.distributed


class _Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


class _Setup(NamedTuple):
    """How one run is trained; a batch number counts over epochs."""

    every_n_steps: int = 2
    accumulate: int = 1
    val_check_interval: float = 1.0
    averaged: bool = False
    validated: bool = True
    ranks: int = 1


class _Trace(Callback):
    """Writes the keys of each batch and the loss; kills the process at a named place."""

    def __init__(self, folder: Path, kill: tuple[str, int] | None) -> None:
        self.folder = folder
        self.kill = kill

    def _pass(self, place: str, number: int) -> None:
        if self.kill == (place, number):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: AffectBatch,
        batch_idx: int,
    ) -> None:
        number = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        assert isinstance(loss, Tensor)
        line = {"batch": number, "keys": batch.keys, "loss": float(loss.detach())}
        with (self.folder / f"trace{trainer.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._pass("batch", number)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: AffectBatch, batch_idx: int
    ) -> None:
        self._pass("start", trainer.current_epoch * int(trainer.num_training_batches) + batch_idx)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: AffectBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not trainer.sanity_checking:
            self._pass("validation", trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._pass("end", trainer.current_epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._pass("epoch", trainer.current_epoch)


def _train(root: str, folder: str, setup: _Setup, kill: tuple[str, int] | None, resume: bool) -> None:
    torch.manual_seed(0)
    data = ConversationDataModule(
        root, batch_size=2, curriculum=BabyStepCurriculum(HclDifficulty(), buckets=2), seed=5
    )
    task = ConversationTask(
        "meld7.official",
        {"text": 6, "audio": 3},
        hidden_dim=4,
        dropout=0.5,
        context_model="dialogue_rnn",
        class_weights="sqrt",
        auxiliary={"sentiment": 3},
        sample_weighting="ernetcl",
        schedule="cosine",
        warmup=0.1,
        seed=11,
    )
    run = Path(folder)
    callbacks: list[Callback] = [
        _Trace(run, kill),
        CurriculumRecorder(),
        ResumableCheckpoint(
            monitor="val/weighted_f1" if setup.validated else None, every_n_steps=setup.every_n_steps
        ),
    ]
    if setup.averaged:
        callbacks.append(EMAWeightAveraging(decay=0.9))
    trainer = Trainer(
        accelerator="cpu",
        devices=setup.ranks,
        strategy="ddp" if setup.ranks > 1 else "auto",
        max_epochs=3,
        accumulate_grad_batches=setup.accumulate,
        val_check_interval=setup.val_check_interval,
        limit_val_batches=1.0 if setup.validated else 0,
        gradient_clip_val=1.0,
        logger=AppendingCSVLogger(run),
        log_every_n_steps=1,
        callbacks=callbacks,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    checkpoint = str(run / "checkpoints" / "last.ckpt") if resume else None
    trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)


def _trace(folder: Path, rank: int = 0) -> dict[int, tuple[list[str], float]]:
    lines = (folder / f"trace{rank}.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["batch"]: (row["keys"], row["loss"]) for row in rows}


def _log(folder: Path) -> dict[tuple[str, int | None], float]:
    return {(row.key, row.step): row.value for row in read_log(folder)}


def _checkpoint(folder: Path, name: str) -> dict[str, object]:
    stored: dict[str, object] = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return stored


def _weights(folder: Path, name: str) -> dict[str, Tensor]:
    weights = _checkpoint(folder, name)["state_dict"]
    assert isinstance(weights, dict)
    return weights


@pytest.mark.parametrize(
    ("setup", "kills"),
    [
        # Between two saved steps, right after one, before the first batch of an epoch, in validation.
        (_Setup(), [("batch", 2), ("batch", 7), ("start", 8), ("validation", 1), ("end", 1), ("epoch", 2)]),
        # Inside an accumulation window, and at its close.
        (_Setup(every_n_steps=1, accumulate=4), [("batch", 4), ("batch", 9), ("batch", 15)]),
        # Validation in the middle of an epoch.
        (_Setup(every_n_steps=1, val_check_interval=0.5), [("validation", 0), ("batch", 8)]),
        # The last batch of an epoch, without any validation.
        (_Setup(every_n_steps=1, validated=False), [("end", 0), ("batch", 11), ("end", 1)]),
        (_Setup(averaged=True), [("batch", 10), ("validation", 2)]),
        (_Setup(ranks=2, accumulate=2), [("batch", 8), ("validation", 1)]),
    ],
    ids=["plain", "accumulated", "mid-epoch validation", "no validation", "averaged weights", "two ranks"],
)
def test_killed_training_goes_on_as_if_it_had_never_stopped(
    setup: _Setup, kills: list[tuple[str, int]], conversations: str, tmp_path: Path, forked: _Forked
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    assert set(forked(_train, conversations, str(whole), setup, None, False, ranks=setup.ranks)) == {0}
    for count, kill in enumerate(kills):
        begun = (broken / "checkpoints" / "last.ckpt").exists()
        codes = forked(_train, conversations, str(broken), setup, kill, begun, ranks=setup.ranks)
        assert -signal.SIGKILL in codes, f"kill {count} at {kill} did not happen"
        if begun or (broken / "checkpoints" / "last.ckpt").exists():
            _checkpoint(broken, "last")  # never corrupt
    assert set(forked(_train, conversations, str(broken), setup, None, True, ranks=setup.ranks)) == {0}

    for rank in range(setup.ranks):
        assert _trace(broken, rank) == _trace(whole, rank)
    assert _log(broken) == _log(whole)
    assert read_curriculum(broken) == read_curriculum(whole)
    assert len(read_curriculum(whole)[0]) < len(read_curriculum(whole)[2])
    for name in ("last", "best") if setup.validated else ("last",):
        expected, found = _weights(whole, name), _weights(broken, name)
        assert expected.keys() == found.keys()
        assert all(torch.equal(found[key], value) for key, value in expected.items())
        assert _checkpoint(whole, name)["callbacks"] == _checkpoint(broken, name)["callbacks"]

"""Checkpoints from which training goes on as if it had never stopped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from affectkit.callbacks.appending_csv_logger import AppendingCSVLogger
from affectkit.callbacks.durable_text import move_into_place, partial_path, sync_file


class ResumableCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` and, where a metric is watched, ``best.ckpt``; each is whole or absent.

    ``last`` is saved only where training can go on exactly: after a batch that stepped the
    optimizer (never inside an accumulation), not between a batch and the validation that belongs to
    it, and at the end of an epoch after its validation. ``best`` is saved after a validation whose
    metric beats all before, those of the run that is resumed included.

    Args:
        folder: Where checkpoints lie; ``checkpoints`` in the run's folder unless given.
        monitor: Key of a validation metric, e.g. ``"val/weighted_f1"``; None keeps no ``best``.
        mode: Whether a larger or a smaller value is better.
        every_n_steps: Save ``last`` after every so many optimizer steps too, not only after epochs.

    Raises:
        ValueError: If ``mode`` has another name or ``every_n_steps`` is not positive.
    """

    LAST = "last.ckpt"
    BEST = "best.ckpt"

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        monitor: str | None = None,
        mode: Literal["max", "min"] = "max",
        every_n_steps: int | None = None,
    ) -> None:
        super().__init__()
        if mode not in ("max", "min"):
            raise ValueError(f"ResumableCheckpoint got mode={mode!r}: give 'max' or 'min'.")
        if every_n_steps is not None and every_n_steps < 1:
            raise ValueError(
                f"ResumableCheckpoint got every_n_steps={every_n_steps}: give 1 or more, or None."
            )
        self.folder = None if folder is None else Path(folder)
        self.monitor = monitor
        self.mode = mode
        self.every_n_steps = every_n_steps
        self.best_score: float | None = None
        self.best_epoch: int | None = None
        self.best_step: int | None = None
        self._stepped = 0
        self._is_due = False

    @property
    def last_model_path(self) -> str:
        """Path of ``last.ckpt``, empty while there is none."""
        return self._existing(self.LAST)

    @property
    def best_model_path(self) -> str:
        """Path of ``best.ckpt``, empty while there is none; ``ckpt_path="best"`` asks for it."""
        return self._existing(self.BEST) if self.best_score is not None else ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the folder."""
        if self.folder is None:
            # Collective: the same on every rank, also where a logger counts versions.
            self.folder = Path(trainer.log_dir or trainer.default_root_dir) / "checkpoints"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell the log from which step this start goes on."""
        self._stepped = trainer.global_step
        for logger in trainer.loggers:
            if isinstance(logger, AppendingCSVLogger):
                logger.begin_fit(trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save ``last`` where it is due and the batch closed an accumulation."""
        if trainer.global_step == self._stepped:
            return
        self._stepped = trainer.global_step
        ends = 0 <= trainer.max_steps <= trainer.global_step
        if (self.every_n_steps is not None and self._stepped % self.every_n_steps == 0) or ends:
            self._is_due = True
        # The validation that belongs to this batch would be skipped by a run resumed from here.
        if self._is_due and not trainer.is_last_batch and not self._validation_follows(trainer, batch_idx):
            self._save(trainer, self.LAST)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save ``best`` if the metric is better, and a ``last`` that waited for this validation."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if self.monitor is not None and self._is_better(trainer, self.monitor):
            self._save(trainer, self.BEST)
        if self._is_due and not trainer.is_last_batch:
            self._save(trainer, self.LAST)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save ``last``; validation, if there was one, is over."""
        # An epoch that max_steps cut short has been saved by its last step: Lightning counts it as
        # finished from here on, and a run resumed from that would leave out the rest of it.
        if trainer.is_last_batch:
            self._save(trainer, self.LAST)

    def state_dict(self) -> dict[str, object]:
        """What a resumed run must know to keep the best of all its starts."""
        return {
            "monitor": self.monitor,
            "mode": self.mode,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "best_step": self.best_step,
        }

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Take over the best score, if it is one of the metric that is watched now."""
        if (state_dict["monitor"], state_dict["mode"]) != (self.monitor, self.mode):
            return
        score, epoch, step = (state_dict[name] for name in ("best_score", "best_epoch", "best_step"))
        self.best_score = score if isinstance(score, float) else None
        self.best_epoch = epoch if isinstance(epoch, int) else None
        self.best_step = step if isinstance(step, int) else None

    def _existing(self, name: str) -> str:
        path = None if self.folder is None else self.folder / name
        return str(path) if path is not None and path.is_file() else ""

    def _validation_follows(self, trainer: Trainer, batch_idx: int) -> bool:
        interval = trainer.val_check_batch
        if not trainer.enable_validation or interval is None or math.isinf(interval):
            return False
        across_epochs = trainer.check_val_every_n_epoch is None
        seen = trainer.fit_loop.total_batch_idx if across_epochs else batch_idx
        return (seen + 1) % int(interval) == 0

    def _is_better(self, trainer: Trainer, monitor: str) -> bool:
        metrics = trainer.callback_metrics
        if monitor not in metrics:
            known = ", ".join(sorted(name for name in metrics if name.startswith("val/"))) or "none"
            raise KeyError(
                f"ResumableCheckpoint watches {monitor!r}, which was not logged: choose one of {known}."
            )
        value: Tensor = metrics[monitor]
        score = float(value)
        # A score of NaN is never better, and never the first best.
        best = -math.inf if self.mode == "max" else math.inf
        best = best if self.best_score is None else self.best_score
        if not (score > best if self.mode == "max" else score < best):
            return False
        self.best_score, self.best_epoch, self.best_step = score, trainer.current_epoch, trainer.global_step
        return True

    def _save(self, trainer: Trainer, name: str) -> None:
        assert self.folder is not None, "setup() chooses the folder"
        if name == self.LAST:
            self._is_due = False
        path = self.folder / name
        partial = partial_path(path)
        # Collective: every rank gathers its part of the state, the first one writes.
        trainer.save_checkpoint(partial, weights_only=False)  # False: the optimizer's state as well
        if trainer.is_global_zero:
            sync_file(partial)
            move_into_place(partial, path)
        trainer.strategy.barrier("ResumableCheckpoint")

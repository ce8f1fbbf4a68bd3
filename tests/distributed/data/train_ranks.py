"""One rank of a real training run: ``python train_ranks.py PLAN.json``, by any launcher.

The plan is ``{"root": shards, "out": folder, "runs": [...]}``, with the fields of ``Run`` for each
run. A rank appends what it saw to ``out/NAME/trace<rank>.jsonl``, flushed line by line, because a
line may be the last thing that it does. Floats are written in hexadecimal: equal means equal bits.

The heavy imports stand inside functions: a worker process that is spawned runs this file again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Run:
    """How one run is trained, and where a rank comes to its end.

    ``fatal`` is (rank, place, number, signal): places are ``batch`` (number of the batch over all
    epochs), ``validation`` (its second batch; number of the epoch), ``end`` (of that epoch).
    """

    name: str
    workers: int = 0
    context: Literal["fork", "spawn"] | None = None
    epochs: int = 2
    accumulate: int = 1
    interval: float = 1.0
    validated: bool = True
    dropout: float = 0.0
    by_length: bool = False
    mixed: bool = False
    shuffle: Literal["global", "lanes"] = "global"
    fatal: tuple[int, str, int, str] | None = None
    resume: bool = False
    timeout: float = 60.0


def main(path: str) -> None:
    """Train every run of the plan, one after the other, in one group of processes."""
    import torch

    torch.set_num_threads(1)
    plan = json.loads(Path(path).read_text())
    for options in plan["runs"]:
        train(plan["root"], Path(plan["out"]), Run(**options))


def train(root: str, out: Path, run: Run) -> None:
    import torch
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.strategies import DDPStrategy
    from torch import Tensor

    from affectkit.callbacks import ResumableCheckpoint
    from affectkit.data.batch import AffectBatch
    from affectkit.data.modules import ConversationDataModule, MixedDataModule
    from affectkit.metrics import CCC, ConfusionCounts, Pearson
    from affectkit.tasks import ConversationTask

    class Trace(Callback):
        """Notes batches and metrics, and ends the process where the run says."""

        def __init__(self) -> None:
            # scores of what is stored, which no forward pass can change
            self.stored = {"ccc": CCC(1), "pearson": Pearson(1)}
            self.counts = ConfusionCounts(7)

        def write(self, trainer: Trainer, **entry: object) -> None:
            with (out / run.name / f"trace{trainer.global_rank}.jsonl").open("a") as file:
                file.write(json.dumps(entry) + "\n")

        def at(self, trainer: Trainer, place: str, number: int) -> None:
            if run.fatal is not None and tuple(run.fatal[:3]) == (trainer.global_rank, place, number):
                self.write(trainer, stage="fatal", place=place, number=number, pid=os.getpid())
                os.kill(os.getpid(), signal.Signals[run.fatal[3]])

        def on_train_batch_end(
            self,
            trainer: Trainer,
            pl_module: LightningModule,
            outputs: object,
            batch: AffectBatch,
            batch_idx: int,
        ) -> None:
            assert isinstance(outputs, dict)
            loss: Tensor = outputs["loss"]
            number = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx
            self.write(
                trainer, stage="train", number=number, keys=batch.keys, loss=float(loss.detach()).hex()
            )
            self.at(trainer, "batch", number)

        def on_validation_batch_end(
            self,
            trainer: Trainer,
            pl_module: LightningModule,
            outputs: object,
            batch: AffectBatch,
            batch_idx: int,
            dataloader_idx: int = 0,
        ) -> None:
            keys = [key for key, real in zip(batch.keys, batch.valid.tolist(), strict=True) if real]
            self.write(trainer, stage="val", step=trainer.global_step, keys=keys)
            guess, truth, label = batch.inputs["text"], batch.inputs["audio"], batch.target.label
            assert label is not None
            for metric in self.stored.values():
                metric.update(guess[..., :1], truth[..., :1], batch.target.weight)
            self.counts.update(guess, label, batch.target.weight)
            if batch_idx == 1:
                self.at(trainer, "validation", trainer.current_epoch)

        def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            stored = {name: float(metric.compute()).hex() for name, metric in self.stored.items()}
            counts: Tensor = self.counts.compute()
            self.write(
                trainer, stage="stored", step=trainer.global_step, counts=counts.tolist(), moments=stored
            )
            for metric in (*self.stored.values(), self.counts):
                metric.reset()

        def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            own = {k: float(v).hex() for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
            self.write(trainer, stage="own", step=trainer.global_step, metrics=own)

        def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            network = Path("/proc/self/ns/net")
            self.write(
                trainer, stage="start", network=str(network.readlink()) if network.is_symlink() else ""
            )

        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            self.at(trainer, "end", trainer.current_epoch)

    torch.manual_seed(0)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    folder = out / run.name
    folder.mkdir(parents=True, exist_ok=True)
    main_source = ConversationDataModule(
        root,
        batch_size=4,
        seed=3,
        num_workers=run.workers,
        multiprocessing_context=run.context,
        bucket_by_length=run.by_length,
        shuffle=run.shuffle,
        lanes=2,
        window=8,
    )
    # the second source lacks a modality and has another batch size; 4 of its 13 batches an epoch
    second = ConversationDataModule(root, batch_size=2, seed=4, modalities=["text"])
    mixture = MixedDataModule({"main": main_source, "second": second}, repeats={"second": 0.3})
    data = mixture if run.mixed else main_source
    # the schedule asks for `trainer.estimated_stepping_batches`
    task = ConversationTask(
        "meld7.official",
        {"text": 7, "audio": 2},
        hidden_dim=4,
        dropout=run.dropout,
        schedule="cosine",
        class_weights="sqrt",
        seed=11,
    )
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        num_nodes=ranks // devices,
        strategy=DDPStrategy(timeout=timedelta(seconds=run.timeout)) if ranks > 1 else "auto",
        max_epochs=run.epochs,
        accumulate_grad_batches=run.accumulate,
        val_check_interval=run.interval,
        limit_val_batches=1.0 if run.validated else 0,
        num_sanity_val_steps=0,
        callbacks=[Trace(), ResumableCheckpoint(folder, every_n_steps=1)],
        logger=False,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    checkpoint = str(folder / "last.ckpt") if run.resume else None
    trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)


if __name__ == "__main__":
    main(sys.argv[1])

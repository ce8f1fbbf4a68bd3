from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningCLI
from torch import Tensor, nn

from affectkit.callbacks import AppendingCSVLogger, read_log
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.heads import ClassificationHead
from affectkit.losses import ClassificationLoss, LinearRamp, WeightedSum
from affectkit.tasks import ConversationTask
from affectkit.tasks.parameter_anchor import parameter_anchor
from affectkit.types import AffectOutput, LossTerms

INPUTS = {"text": 6, "audio": 3}
QUIET = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "use_distributed_sampler": False,
}


class _SpeakerAware(ConversationTask):
    """The sketch of the house plan: one method overridden, everything else kept."""

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        terms = super().compute_loss(batch, output)
        assert output.embedding is not None
        spread = output.embedding.square().mean()
        return terms._replace(
            total=terms.total + 0.1 * spread, terms={**terms.terms, "spread": spread.detach()}
        )


def test_a_subclass_overrides_one_method(conversations: str, tmp_path: Path) -> None:
    task = _SpeakerAware("meld7.official", INPUTS, hidden_dim=4)
    trainer = Trainer(max_epochs=1, logger=AppendingCSVLogger(tmp_path), log_every_n_steps=1, **QUIET)  # type: ignore[arg-type]
    trainer.fit(task, ConversationDataModule(conversations, batch_size=4))
    keys = {row.key for row in read_log(tmp_path)}
    assert {"train/loss_spread_step", "train/loss", "val/loss", "val/weighted_f1", "val/uar_present"} <= keys


class _Recorder(nn.Module):
    """A loss that notes how far training is when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = ClassificationLoss(7)
        self.seen: list[float] = []
        self.ramp = LinearRamp(0.0, 1.0)

    def weight(self, progress: float) -> float:
        self.seen.append(progress)
        return self.ramp(progress)

    def forward(self, output: AffectOutput, target: object) -> LossTerms:
        terms: LossTerms = self.inner(output, target)
        return terms


def test_scheduled_weights_follow_training(conversations: str) -> None:
    recorder = _Recorder()
    loss = WeightedSum({"emotion": ClassificationLoss(7), "late": recorder}, {"late": recorder.weight})
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=4, loss=loss)
    trainer = Trainer(max_epochs=2, limit_val_batches=0, logger=False, **QUIET)  # type: ignore[arg-type]
    trainer.fit(task, ConversationDataModule(conversations, batch_size=4))
    # 13 conversations: 3 batches in each of 2 epochs.
    assert recorder.seen == pytest.approx([step / 6 for step in range(6)])


def test_an_endless_training_cannot_have_a_schedule(conversations: str) -> None:
    task = ConversationTask("meld7.official", INPUTS, schedule="cosine")
    trainer = Trainer(max_epochs=-1, logger=False, **QUIET)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="training has no end"):
        trainer.fit(task, ConversationDataModule(conversations, batch_size=4))


def test_anchor_reaches_every_trained_parameter_and_no_infinity_spoils_it() -> None:
    layer, frozen = nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)
    with torch.no_grad():
        layer.weight.fill_(float("inf"))
    anchor: Tensor = parameter_anchor(
        [*layer.parameters(), *frozen.parameters(), nn.Parameter(torch.ones(()))]
    )
    assert anchor.item() == 0.0
    torch.autograd.backward(anchor)
    assert layer.weight.grad is not None and not layer.weight.grad.any()
    assert frozen.weight.grad is None


def test_parts_given_by_class_path_reload_without_arguments(
    conversations: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["affectkit"])
    # What `affectkit fit` does: the checkpoint holds the class paths, so the part is made again.
    cli = LightningCLI(
        ConversationTask,
        ConversationDataModule,
        save_config_callback=None,
        parser_kwargs={"parser_mode": "omegaconf+"},
        args=[
            "fit",
            f"--data.root={conversations}",
            "--data.batch_size=4",
            "--model.label_space=meld7.official",
            "--model.inputs={text: 6, audio: 3}",
            "--model.hidden_dim=4",
            "--model.head=affectkit.heads.ClassificationHead",
            "--model.head.in_dim=8",
            "--model.head.num_classes=7",
            "--model.head.hidden_dim=3",
            "--trainer.max_steps=1",
            "--trainer.accelerator=cpu",
            "--trainer.logger=false",
            "--trainer.enable_progress_bar=false",
            "--trainer.enable_checkpointing=false",
        ],
    )
    cli.trainer.save_checkpoint(tmp_path / "task.ckpt")
    loaded = ConversationTask.load_from_checkpoint(tmp_path / "task.ckpt")
    assert isinstance(loaded.head, ClassificationHead)
    assert loaded.head.projection.out_dim == 3

"""A task subclassed in your own project: one method overridden, everything else kept.

Run it: `python examples/subclass_a_task.py`
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from lightning.pytorch import Trainer
from torch import Tensor

from affectkit.callbacks import ResumableCheckpoint
from affectkit.data import AffectBatch, ConversationDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.tasks import ConversationTask
from affectkit.types import AffectOutput, LossTerms


def inertia_penalty(logits: Tensor, real: Tensor) -> Tensor:
    """Mean squared change of the predicted distribution between neighbouring utterances."""
    chance = logits.softmax(dim=-1)
    change = (chance[:, 1:] - chance[:, :-1]).square().sum(dim=-1)
    both_real = real[:, 1:] & real[:, :-1]
    return (change * both_real).sum() / both_real.sum().clamp(min=1)


class InertTask(ConversationTask):
    """Emotions seldom jump: charge the model for it."""

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """Add a tenth of the penalty to the loss, and log it."""
        terms = super().compute_loss(batch, output)
        assert output.logits is not None
        penalty = inertia_penalty(output.logits, batch.masks["utterance"])
        return terms._replace(
            total=terms.total + 0.1 * penalty, terms={**terms.terms, "inertia": penalty.detach()}
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_synthetic(folder / "corpus", train=40, val=10, test=10)
        extractors = {modality: named_extractor(modality) for modality in ("text", "audio")}
        extract_features(folder / "corpus", folder / "features", encoders=extractors)
        data = ConversationDataModule(str(folder / "features"), batch_size=8)
        task = InertTask("meld7.official", data.feature_dims, hidden_dim=32, lr=3e-3)
        checkpoint = ResumableCheckpoint(folder / "checkpoints", monitor="val/weighted_f1")
        trainer = Trainer(
            max_epochs=5,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[checkpoint],
        )
        trainer.fit(task, datamodule=data)
        trainer.test(task, datamodule=data)
        again = InertTask.load_from_checkpoint(checkpoint.best_model_path)
        print(f"reloaded {type(again).__name__} with {sum(p.numel() for p in again.parameters())} parameters")


if __name__ == "__main__":
    main()

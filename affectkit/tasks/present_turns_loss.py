"""A loss over the turns that have a modality."""

from __future__ import annotations

from torch import nn

from affectkit.types import IGNORE_LABEL, AffectOutput, Loss, LossTerms, Target


class PresentTurnsLoss(nn.Module):
    """Leaves out turns that lack a modality: their vectors are zeros, which say nothing about a label.

    Args:
        loss: A loss over the view ``modality`` and labels.
        modality: Name of the view; ``views["MODALITY.present"]`` (B, U) says which turns have it.
    """

    def __init__(self, loss: Loss, modality: str) -> None:
        super().__init__()
        self.loss: Loss = loss
        self.modality = modality

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare what is there."""
        if target.label is None or output.views is None:
            raise ValueError(
                f"The metric loss over {self.modality!r} needs labels and the vectors of the turns: train a "
                "ConversationMediaTask on labelled data, or set metric_loss to 'none'."
            )
        there = output.views[f"{self.modality}.present"]
        label = target.label.masked_fill(~there, IGNORE_LABEL)
        return self.loss(output, target._replace(label=label))

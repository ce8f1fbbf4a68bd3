"""What one evaluation loader is scored by."""

from __future__ import annotations

from typing import Literal, TypeAlias

from torch import nn
from torchmetrics import MetricCollection

from affectkit.tasks.damage_count import DamageCount
from affectkit.tasks.mean_loss import MeanLoss

#: An evaluation, as its figures are named.
Stage: TypeAlias = Literal["val", "test"]


class StageScores(nn.Module):
    """Loss, damage and metrics of one loader, kept apart from those of other loaders.

    Args:
        metrics: Metrics to count with; they are copied.
    """

    def __init__(self, metrics: MetricCollection) -> None:
        super().__init__()
        self.loss = MeanLoss()
        self.damaged = DamageCount()
        self.metrics: MetricCollection = metrics.clone()
        # a copy brings what the original has counted
        self.metrics.reset()

"""Confidence and correctness of every row, for scores that need their order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from affectkit.metrics.exact_state import ExactStateMetric
from affectkit.metrics.labelled_scores import labelled_scores


class ConfidenceRowsMetric(ExactStateMetric, ABC):
    """A score that is a function of the confidence and the correctness of all rows.

    Sixteen bytes a row are kept and gathered from all ranks, so the score is exact for any number of ranks.
    All subclasses hold the same state: in a ``MetricCollection`` they form one compute group.

    Args:
        num_classes: Number of classes C.
    """

    is_differentiable = False
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    #: (n, 2) of each batch, or of all ranks: confidence and whether it is right.
    rows: list[Tensor] | Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    @property
    @abstractmethod
    def key(self) -> str:
        """Plain name for log keys and file names."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """Name with everything that changes the number."""

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add rows.

        Args:
            prediction: Logits (..., C).
            target: Class indices (...), -100 for a row without label.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
        """
        name = type(self).__name__
        found = labelled_scores(prediction, target, weight, num_classes=self.num_classes, name=name)
        self._parts().append(torch.stack([found.confidence, found.correct.double()], -1))

    def answers(self) -> tuple[Tensor, Tensor]:
        """Confidence and correctness of all rows, (N,) float64 each."""
        rows = self.rows if isinstance(self.rows, Tensor) else torch.cat([self._nothing(), *self.rows])
        return rows[:, 0], rows[:, 1]

    def _parts(self) -> list[Tensor]:
        if isinstance(self.rows, Tensor):
            # What torchmetrics leaves behind after the rows of all ranks were put together.
            self.rows = [self.rows]
        return self.rows

    def _nothing(self) -> Tensor:
        return torch.zeros(0, 2, dtype=torch.float64, device=self.device)

    def _sync_dist(
        self, dist_sync_fn: Callable[..., list[Tensor]] | None = None, process_group: object | None = None
    ) -> None:
        # A rank without any batch takes part in the exchange like the others.
        self.rows = self._parts() or [self._nothing()]
        if dist_sync_fn is None:
            super()._sync_dist(process_group=process_group)
        else:
            super()._sync_dist(dist_sync_fn, process_group)

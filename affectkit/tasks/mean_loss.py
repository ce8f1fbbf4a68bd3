"""The mean of a loss over everything seen, exact for any number of ranks."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class MeanLoss(Metric):
    r"""Weighted mean :math:`\sum_i w_i L_i / \sum_i w_i` of batch losses, in float64 sums.

    Unlike a logged float with ``sync_dist=True``, ragged batches and ranks do not shift it. The
    result is NaN where no row had any weight.

    Examples:
        >>> import torch
        >>> metric = MeanLoss()
        >>> metric.update(torch.tensor(1.0), torch.tensor(3.0))
        >>> metric.update(torch.tensor(5.0), torch.tensor(1.0))
        >>> metric.compute().item()
        2.0
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    loss_sum: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("loss_sum", "weight"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, loss: Tensor, weight: Tensor) -> None:
        """Add one batch: its mean ``loss`` and the ``weight`` that it was divided by."""
        rows = weight.detach().to(self.weight)
        product = loss.detach().to(self.loss_sum) * rows
        # 0 * NaN is NaN: a batch without a single row must not spoil the sum.
        self.loss_sum += torch.where(rows > 0, product, torch.zeros_like(product))
        self.weight += rows

    def compute(self) -> Tensor:
        """Mean over everything added on all ranks."""
        return self.loss_sum / self.weight

    def sums(self) -> list[float]:
        """This rank's sums as plain values, for a checkpoint."""
        return [float(self.loss_sum), float(self.weight)]

    def restore(self, sums: list[float]) -> None:
        """Continue from the sums of a checkpoint."""
        self.loss_sum.fill_(sums[0])
        self.weight.fill_(sums[1])
        # torchmetrics counts updates and warns when compute() runs before any.
        self._update_count = int(sums[1] > 0)

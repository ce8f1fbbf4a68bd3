"""Features that do not repeat each other over the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from affectkit.functional import covariance_penalty
from affectkit.losses.batch_rows import batch_rows
from affectkit.types import AffectOutput, LossTerms, Target


class CovarianceLoss(nn.Module):
    r"""Squares of the covariances between different features, summed over views.

    .. math:: L = \sum_{\text{views}} \frac1D \sum_{i \neq j} \mathrm{cov}_{ij}^2

    A function of the moments of the batch, like :class:`~affectkit.losses.VarianceLoss`.

    Args:
        views: Names of the views; none takes the embedding.
        gather: Whether the moments are those of all ranks' rows. Then the loss is collective.

    Shape:
        - output.embedding or the views: (B, D) or (B, U, D)

    Raises:
        ValueError: If the output lacks what is read.

    References:
        Adrien Bardes, Jean Ponce, Yann LeCun. VICReg: Variance-Invariance-Covariance Regularization for
        Self-Supervised Learning. ICLR 2022. arXiv:2105.04906.

    Examples:
        >>> output = AffectOutput(embedding=torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
        >>> float(CovarianceLoss()(output, Target()).total)
        4.0
    """

    def __init__(self, *, views: Sequence[str] = (), gather: bool = True) -> None:
        super().__init__()
        self.views = tuple(views)
        self.gather = gather

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Measure the rows that are not padding; labels are not read."""
        rows = batch_rows(output, target, "CovarianceLoss", views=self.views, gather=self.gather)
        total = torch.stack([covariance_penalty(view) for view in rows.views]).sum()
        return LossTerms(total, {"covariance": total.detach()}, rows.number)

"""Features that do not collapse: each keeps a standard deviation over the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from affectkit.functional import variance_shortfall
from affectkit.losses.batch_rows import batch_rows
from affectkit.types import AffectOutput, LossTerms, Target


class VarianceLoss(nn.Module):
    r"""How far the standard deviation of each feature falls short of :math:`\gamma`, summed over views.

    .. math:: L = \sum_{\text{views}} \frac1D \sum_j \max\left(0,\;
        \gamma - \sqrt{\mathrm{var}_j + 10^{-6}}\right)

    A function of the moments of the batch, like :class:`~affectkit.losses.CCCLoss`: exact over ranks with
    ``gather``, and accumulated batches stay batches of their own size.

    Args:
        views: Names of the views; none takes the embedding.
        deviation: :math:`\gamma`. Features of unit vectors have a deviation of about :math:`1 / \sqrt{D}`
            at most, which ``"unit_length"`` asks for; at 1 the loss of unit vectors is nearly constant, so
            give it vectors from before they are brought to length 1.
        gather: Whether the moments are those of all ranks' rows. Then the loss is collective.

    Shape:
        - output.embedding or the views: (B, D) or (B, U, D)

    Raises:
        ValueError: If the deviation is not above 0, or the output lacks what is read.

    References:
        Adrien Bardes, Jean Ponce, Yann LeCun. VICReg: Variance-Invariance-Covariance Regularization for
        Self-Supervised Learning. ICLR 2022. arXiv:2105.04906.

    Examples:
        >>> output = AffectOutput(embedding=torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
        >>> round(float(VarianceLoss()(output, Target()).total), 4)
        0.4995
    """

    def __init__(
        self,
        *,
        views: Sequence[str] = (),
        deviation: float | Literal["unit_length"] = 1.0,
        gather: bool = True,
    ) -> None:
        super().__init__()
        if deviation != "unit_length" and not (isinstance(deviation, (int, float)) and deviation > 0):
            raise ValueError(
                f"VarianceLoss got deviation={deviation!r}: give a number above 0, or 'unit_length'."
            )
        self.views = tuple(views)
        self.deviation: float | Literal["unit_length"] = deviation
        self.gather = gather

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Measure the spread of the rows that are not padding; labels are not read."""
        rows = batch_rows(output, target, "VarianceLoss", views=self.views, gather=self.gather)
        parts = [
            variance_shortfall(
                view,
                deviation=view.shape[1] ** -0.5 if self.deviation == "unit_length" else self.deviation,
            )
            for view in rows.views
        ]
        total = torch.stack(parts).sum()
        return LossTerms(total, {"variance": total.detach()}, rows.number)

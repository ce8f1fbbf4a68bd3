"""One minus the Pearson correlation of the batch, halved."""

from __future__ import annotations

import torch
from torch import nn

from affectkit.distributed import all_gather_rows
from affectkit.functional import paired_moments, pearson
from affectkit.losses.dimensions import compared_dims
from affectkit.types import AffectOutput, LossTerms, Target


class PearsonLoss(nn.Module):
    r"""Mean over dimensions of :math:`(1 - r) / 2`, the correlation r taken over the rows of the batch.

    .. math:: L = \frac{1}{V'} \sum_v \frac{1 - r_v}{2}

    over the :math:`V'` dimensions whose targets take two values at least; the others, those of a
    batch of one row among them, say nothing about order and add nothing. Constant predictions have
    no correlation and no direction in which it would grow: 1/2, with gradient 0. Like
    :class:`~affectkit.losses.CCCLoss` it is a function of moments, so ``gather`` makes it that of
    the whole batch over ranks, and accumulated batches stay batches of their own size.

    Args:
        gather: Whether the moments are those of all ranks' rows. Then the loss is collective: all
            ranks must come to it equally often, in validation as well.
        weighted: Whether positive row weights weigh the rows in every moment, rather than only keep
            them.
        head: Name of a further head: ``output.extra[head]`` is compared with ``target.extra[head]``
            instead of the dims.

    Shape:
        - output.dims, target.dims: (B, V) or (B, U, V), NaN = absent

    Raises:
        ValueError: If output or target lack what is compared, or their shapes differ.

    References:
        The loss that PerceptCLIP names for picture quality; the card states no formula.

    Examples:
        >>> values = torch.tensor([[0.0], [1.0], [2.0]])
        >>> terms = PearsonLoss()(AffectOutput(dims=3 * values + 1), Target(dims=values))
        >>> round(float(terms.total), 5)
        0.0
    """

    def __init__(self, *, gather: bool = True, weighted: bool = False, head: str | None = None) -> None:
        super().__init__()
        self.gather = gather
        self.weighted = weighted
        self.head = head

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare values; NaN targets and rows of weight 0 add nothing."""
        prediction, truth, real = compared_dims(output, target, "PearsonLoss", head=self.head)
        dims = prediction.shape[-1]
        prediction, truth = prediction.reshape(-1, dims), truth.reshape(-1, dims)
        weight = None
        if self.weighted and target.weight is not None:
            weight = target.weight.reshape(-1).to(prediction.dtype)
        if self.gather:
            prediction, truth = all_gather_rows(prediction), all_gather_rows(truth)
            weight = None if weight is None else all_gather_rows(weight)
        varies = paired_moments(truth.nan_to_num(), truth).varies_y
        agreement = pearson(prediction, truth, weight, weighted=self.weighted)
        distance = torch.where(varies, (1 - agreement) / 2, 0.0)
        # The empty sum keeps the graph where no dimension counts.
        total = distance.sum() / varies.sum().clamp(min=1) + 0.0 * prediction.flatten()[:0].sum()
        # As in CCCLoss: nothing is divided by rows, but their number keeps the value's size in sums; a
        # batch without annotation counts none.
        number = (real.sum() * (~truth.isnan()).any()).to(prediction.dtype)
        name = "pearson" if self.head is None else f"pearson_{self.head}"
        return LossTerms(total, {name: total.detach()}, number)

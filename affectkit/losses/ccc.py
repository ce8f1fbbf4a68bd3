"""One minus the concordance correlation of the batch."""

from __future__ import annotations

from torch import nn

from affectkit.distributed import all_gather_rows
from affectkit.functional import ccc
from affectkit.losses.dimensions import compared_dims
from affectkit.types import AffectOutput, LossTerms, Target


class CCCLoss(nn.Module):
    r"""Mean over dimensions of one minus the concordance correlation over the rows of the batch.

    .. math:: L = \frac{1}{V'} \sum_v (1 - \mathrm{CCC}_v)

    over the :math:`V'` dimensions that have an annotated row. It is a function of the moments of
    the batch, not a sum over rows: with ``gather`` it equals that of the whole batch over any
    number of ranks, but two accumulated halves are two batches of half the size. Use large
    batches; with a few rows the moments say little.

    Args:
        gather: Whether the moments are those of all ranks' rows. Then the loss is collective: all
            ranks must come to it equally often, in validation as well.

    Shape:
        - output.dims, target.dims: (B, V) or (B, U, V), NaN = absent

    Raises:
        ValueError: If output or target lack dims, or their shapes differ.

    References:
        Lawrence I-Kuei Lin. A Concordance Correlation Coefficient to Evaluate Reproducibility.
        Biometrics 45(1), 1989.
    """

    def __init__(self, *, gather: bool = True) -> None:
        super().__init__()
        self.gather = gather

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare dims; NaN targets and rows of weight 0 add nothing."""
        prediction, truth, real = compared_dims(output, target, "CCCLoss")
        # Nothing is divided by rows; their number is reported so that the value keeps its size when
        # it is summed over ranks or beside losses over rows.
        number = real.sum().to(prediction.dtype)
        dims = prediction.shape[-1]
        prediction, truth = prediction.reshape(-1, dims), truth.reshape(-1, dims)
        if self.gather:
            prediction, truth = all_gather_rows(prediction), all_gather_rows(truth)
        annotated = (~truth.isnan()).any(0)
        distance = (1 - ccc(prediction, truth)) * annotated
        total = distance.sum() / annotated.sum().clamp(min=1)
        return LossTerms(total, {"ccc": total.detach()}, number)

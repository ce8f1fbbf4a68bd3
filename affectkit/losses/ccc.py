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

    With ``mixed_moments`` it is the loss of Emotion-GCN's official code, whose smallest value over a
    batch of N rows is 1 / N.

    Args:
        gather: Whether the moments are those of all ranks' rows. Then the loss is collective: all
            ranks must come to it equally often, in validation as well.
        weighted: Whether positive row weights weigh the rows in every moment, rather than only keep
            them.
        mixed_moments: Whether variances are divided by N - 1 and covariances by N; not with ``weighted``.
        head: Name of a further head: ``output.extra[head]`` is compared with ``target.extra[head]``
            instead of the dims.

    Shape:
        - output.dims, target.dims: (B, V) or (B, U, V), NaN = absent

    Raises:
        ValueError: If output or target lack what is compared, their shapes differ, or two options clash.

    References:
        Lawrence I-Kuei Lin. A Concordance Correlation Coefficient to Evaluate Reproducibility.
        Biometrics 45(1), 1989.

    Examples:
        Twice the truth correlates fully, and does not agree.

        >>> import torch
        >>> from affectkit.types import AffectOutput, Target
        >>> truth = torch.tensor([[-0.4], [0.0], [0.4]])
        >>> round(float(CCCLoss()(AffectOutput(dims=2 * truth), Target(dims=truth)).total), 4)
        0.2
    """

    def __init__(
        self,
        *,
        gather: bool = True,
        weighted: bool = False,
        mixed_moments: bool = False,
        head: str | None = None,
    ) -> None:
        super().__init__()
        if weighted and mixed_moments:
            raise ValueError(
                "CCCLoss got weighted=True with mixed_moments=True, whose N - 1 counts rows: "
                "choose one of the two."
            )
        self.gather = gather
        self.weighted = weighted
        self.mixed_moments = mixed_moments
        self.head = head

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare dims; NaN targets and rows of weight 0 add nothing."""
        prediction, truth, real = compared_dims(output, target, "CCCLoss", head=self.head)
        dims = prediction.shape[-1]
        prediction, truth = prediction.reshape(-1, dims), truth.reshape(-1, dims)
        weight = None
        if self.weighted and target.weight is not None:
            weight = target.weight.reshape(-1).to(prediction.dtype)
        if self.gather:
            prediction, truth = all_gather_rows(prediction), all_gather_rows(truth)
            weight = None if weight is None else all_gather_rows(weight)
        annotated = (~truth.isnan()).any(0)
        agreement = ccc(prediction, truth, weight, weighted=self.weighted, mixed_moments=self.mixed_moments)
        distance = (1 - agreement) * annotated
        total = distance.sum() / annotated.sum().clamp(min=1)
        # Nothing is divided by rows; their number is reported so that the value keeps its size when
        # it is summed over ranks or beside losses over rows. A batch without annotation counts none.
        number = (real.sum() * annotated.any()).to(prediction.dtype)
        name = "ccc" if self.head is None else f"ccc_{self.head}"
        return LossTerms(total, {name: total.detach()}, number)

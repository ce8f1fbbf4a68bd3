"""Cross entropy over the bins of affect dimensions."""

from __future__ import annotations

from torch import nn
from torch.nn import functional as F

from affectkit.functional import value_bins
from affectkit.losses.dimensions import compared_dims
from affectkit.losses.rows import mean_over_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class BinnedDimensionLoss(nn.Module):
    r"""Cross entropy of the bin of each axis, averaged over a row's annotated axes and then over rows.

    .. math:: L = \frac1N \sum_i \frac{1}{|V_i|} \sum_{v \in V_i} -\log p_{i,v}(b(y_{i,v}))

    with :math:`b` the bin of :func:`~affectkit.functional.value_bins`.

    Args:
        bounds: Lowest and highest value of the scale.

    Shape:
        - output.extra["bins"]: (B, V, K) or (B, U, V, K) logits, those of
          :class:`~affectkit.heads.BinnedDimensionalHead`
        - output.dims, target.dims: (B, V) or (B, U, V), NaN = absent

    Raises:
        ValueError: If output or target lack what is compared, or their shapes differ.

    Examples:
        Ten bins over -1..1; a model that knows nothing pays the logarithm of 10.

        >>> import torch
        >>> from affectkit.types import AffectOutput, Target
        >>> output = AffectOutput(dims=torch.zeros(1, 2), extra={"bins": torch.zeros(1, 2, 10)})
        >>> loss = BinnedDimensionLoss((-1.0, 1.0))(output, Target(dims=torch.tensor([[0.3, torch.nan]])))
        >>> round(float(loss.total), 4)
        2.3026
    """

    def __init__(self, bounds: tuple[float, float]) -> None:
        super().__init__()
        if not bounds[0] < bounds[1]:
            raise ValueError(f"BinnedDimensionLoss got bounds={bounds}: give (low, high) with low < high.")
        self.bounds = (float(bounds[0]), float(bounds[1]))

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare bins; NaN targets and rows of weight 0 add nothing."""
        _, truth, _ = compared_dims(output, target, "BinnedDimensionLoss")
        logits = (output.extra or {}).get("bins")
        if logits is None or logits.shape[:-1] != truth.shape:
            raise ValueError(
                "BinnedDimensionLoss reads extra['bins'] of the output, (..., V, K) beside targets (..., V), "
                f"but got {None if logits is None else tuple(logits.shape)} and {tuple(truth.shape)}: use "
                "BinnedDimensionalHead, with the axes of the data."
            )
        low, high = self.bounds
        place = value_bins(truth, logits.shape[-1], low=low, high=high)
        present = place != IGNORE_LABEL
        # Filled before the logarithm: NaN times 0 would still be NaN backwards.
        real = logits.to(truth.dtype).masked_fill(~present.unsqueeze(-1), 0.0)
        each = F.cross_entropy(
            real.flatten(0, -2), place.flatten(), ignore_index=IGNORE_LABEL, reduction="none"
        ).reshape(place.shape)
        rows = each.sum(-1) / present.sum(-1).clamp(min=1)
        total, number = mean_over_rows(rows, present.any(-1), target.weight)
        return LossTerms(total, {"bins": total.detach()}, number)

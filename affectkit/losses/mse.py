"""Mean square error over affect dimensions."""

from __future__ import annotations

import torch
from torch import nn

from affectkit.losses.dimensions import compared_dims
from affectkit.losses.rows import mean_over_rows
from affectkit.types import AffectOutput, LossTerms, Target


class MSELoss(nn.Module):
    r"""Square error, averaged over each row's annotated dimensions and then over rows.

    .. math:: L = \frac1N \sum_i \frac{1}{|A_i|} \sum_{v \in A_i} (\hat d_{iv} - d_{iv})^2

    with :math:`A_i` the dimensions that are annotated in row i.

    Args:
        head: Name of a further head: ``output.extra[head]`` is compared with ``target.extra[head]``
            instead of the dims.

    Shape:
        - output.dims, target.dims: (B, V) or (B, U, V), NaN = absent

    Raises:
        ValueError: If output or target lack what is compared, or their shapes differ.

    Examples:
        >>> import torch
        >>> from affectkit.types import AffectOutput, Target
        >>> output = AffectOutput(dims=torch.tensor([[0.5, 0.9]]))
        >>> float(MSELoss()(output, Target(dims=torch.tensor([[0.0, torch.nan]]))).total)
        0.25
    """

    def __init__(self, *, head: str | None = None) -> None:
        super().__init__()
        self.head = head

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare dims; NaN targets and rows of weight 0 add nothing."""
        prediction, truth, _ = compared_dims(output, target, "MSELoss", head=self.head)
        present = ~truth.isnan()
        # Both sides are filled before subtracting: NaN - x times 0 would still be NaN backwards.
        error = torch.where(present, prediction, 0.0) - torch.where(present, truth, 0.0)
        rows = error.square().sum(-1) / present.sum(-1).clamp(min=1)
        total, number = mean_over_rows(rows, present.any(-1), target.weight)
        name = "mse" if self.head is None else f"mse_{self.head}"
        return LossTerms(total, {name: total.detach()}, number)

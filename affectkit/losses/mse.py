"""Mean square error over affect dimensions."""

from __future__ import annotations

import torch
from torch import nn

from affectkit.losses.dimensions import compared_dims
from affectkit.losses.rows import mean_over_rows
from affectkit.types import AffectOutput, LossTerms, Target


class MSELoss(nn.Module):
    """Square error, averaged over each row's annotated dimensions and then over rows.

    Shape:
        - output.dims, target.dims: (B, V) or (B, U, V), NaN = absent

    Raises:
        ValueError: If output or target lack dims, or their shapes differ.
    """

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare dims; NaN targets and rows of weight 0 add nothing."""
        prediction, truth, _ = compared_dims(output, target, "MSELoss")
        present = ~truth.isnan()
        # Both sides are filled before subtracting: NaN - x times 0 would still be NaN backwards.
        error = torch.where(present, prediction, 0.0) - torch.where(present, truth, 0.0)
        rows = error.square().sum(-1) / present.sum(-1).clamp(min=1)
        total, number = mean_over_rows(rows, present.any(-1), target.weight)
        return LossTerms(total, {"mse": total.detach()}, number)

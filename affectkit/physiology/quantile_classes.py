"""Numbers as classes of about the same size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.types import IGNORE_LABEL


class QuantileClasses(nn.Module):
    r"""Class of a number among equally large parts of the training rows.

    .. math:: c(x) = |\{k \in 1..C-1 : x \ge t_k\}|, \qquad t_k = Q(k / C)

    with Q the linearly interpolated quantile of the rows that :meth:`fit` was given: give it those of
    the training split alone, or the classes of the others would be known from themselves. The limits are
    part of the state dict.

    Args:
        num_classes: Number of classes C.

    Shape:
        - values: (...) float, NaN = absent
        - output: (...) int64, 0 lowest, -100 where absent

    Raises:
        ValueError: If there are less than two classes, or it was not fitted.

    Examples:
        >>> classes = QuantileClasses(3)
        >>> classes.fit(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        >>> classes(torch.tensor([0.0, 3.0, 9.0, torch.nan])).tolist()
        [0, 1, 2, -100]
    """

    thresholds: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"QuantileClasses got num_classes={num_classes}: give at least 2.")
        self.num_classes = num_classes
        # NaN says that nothing was fitted, also in a state dict.
        self.register_buffer("thresholds", torch.full((num_classes - 1,), torch.nan, dtype=torch.float64))

    def fit(self, values: Tensor) -> None:
        """Take the limits over from training rows (n,); absent ones are left out.

        Raises:
            ValueError: If there are too few different values for the classes.
        """
        known = values.detach().double().flatten()
        known = known[~known.isnan()]
        share = torch.arange(1, self.num_classes, dtype=torch.float64, device=known.device) / self.num_classes
        limits = torch.quantile(known, share) if len(known) else share
        sizes = torch.bucketize(known, limits, right=True).bincount(minlength=self.num_classes)
        if bool((sizes == 0).any()):
            raise ValueError(
                f"QuantileClasses cannot cut {len(known)} known values, {len(set(known.tolist()))} of them "
                f"different, into {self.num_classes} classes: ask for fewer classes, or give more rows."
            )
        self.thresholds.copy_(limits)

    def forward(self, values: Tensor) -> Tensor:
        """Find the classes of ``values``."""
        if bool(self.thresholds.isnan().any()):
            raise ValueError(
                "QuantileClasses has no limits yet: call fit() with the training rows, or load a state that "
                "was fitted."
            )
        absent = values.isnan()
        found = torch.bucketize(values.double().nan_to_num(), self.thresholds, right=True)
        return found.masked_fill(absent, IGNORE_LABEL)

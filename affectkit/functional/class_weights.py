"""Class weights from class counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

ClassWeightScheme = Literal["balanced", "sqrt", "none"]


def class_weights(counts: Tensor | Sequence[int], scheme: ClassWeightScheme = "balanced") -> Tensor:
    r"""Weight of each class, such that the mean weight over the counted rows is 1.

    ``balanced`` is :math:`w_c \propto 1 / n_c`, ``sqrt`` is :math:`w_c \propto 1 / \sqrt{n_c}` and
    ``none`` is 1. A class without rows gets 1: no row asks for its weight, and it stays finite.

    Args:
        counts: Rows of each class in the training split.
        scheme: How strongly rare classes are lifted.

    Shape:
        - counts: (C,)
        - output: (C,) float32

    Raises:
        ValueError: If a count is negative, or the scheme is unknown.

    Examples:
        >>> class_weights([10, 30]).tolist()
        [2.0, 0.6666666865348816]
    """
    numbers = torch.as_tensor(counts, dtype=torch.float64)
    if numbers.ndim != 1 or bool((numbers < 0).any()):
        raise ValueError(
            f"class_weights got the counts {numbers.tolist()}; give one number of rows, 0 or more, per class."
        )
    exponents = {"balanced": 1.0, "sqrt": 0.5, "none": 0.0}
    if scheme not in exponents:
        raise ValueError(f"class_weights does not know the scheme {scheme!r}; use one of {list(exponents)}.")
    seen = numbers > 0
    raw = torch.where(seen, numbers.clamp(min=1.0) ** -exponents[scheme], 0.0)
    weighted_rows = (raw * numbers).sum()
    scaled = raw * numbers.sum() / weighted_rows.clamp(min=torch.finfo(torch.float64).tiny)
    return torch.where(seen, scaled, 1.0).to(torch.float32)

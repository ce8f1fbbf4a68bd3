"""How far rows lie from the centre of their class."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class ClassSums(NamedTuple):
    """What class centres are made of; sums of parts of the rows add up to those of all.

    Shape:
        - total: (C, D), sum of the rows of each class.
        - number: (C,), how many they are.
    """

    total: Tensor
    number: Tensor


def class_sums(embedding: Tensor, label: Tensor, *, num_classes: int) -> ClassSums:
    """Sum and number of the rows of each class, in float64.

    Args:
        embedding: One row each.
        label: Class of each row, 0 to C - 1.
        num_classes: Number of classes C.

    Shape:
        - embedding: (N, D)
        - label: (N,) int64
    """
    total = torch.zeros(num_classes, embedding.shape[1], dtype=torch.float64, device=embedding.device)
    count = torch.bincount(label, minlength=num_classes).double()
    return ClassSums(total.index_add_(0, label, embedding.double()), count)


def relative_centre_distance(embedding: Tensor, label: Tensor, sums: ClassSums) -> Tensor:
    r"""Distance to the centre of the own class, as a share of the distances to all centres.

    .. math:: d_i = \frac{\delta(z_i, c_{y_i})}{\sum_k \delta(z_i, c_k)}, \qquad
        \delta(a, b) = \tfrac12 (1 - \cos(a, b)) + 10^{-8}

    with :math:`c_k` the mean of the rows of class k. Classes without rows have no centre.

    Args:
        embedding: One row z each.
        label: Class y of each row.
        sums: Sums over all rows that make the centres, of which these may be a part.

    Shape:
        - embedding: (N, D)
        - label: (N,) int64, classes that have a centre
        - output: (N,) float64 in (0, 1]

    References:
        SPCL, official code (caskcsg/SPCL).

    Examples:
        >>> import torch
        >>> rows, label = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.tensor([0, 1, 0])
        >>> distance = relative_centre_distance(rows, label, class_sums(rows, label, num_classes=2))
        >>> [round(value, 3) for value in distance.tolist()]
        [0.095, 0.0, 0.149]
    """
    present = sums.number > 0
    centres = sums.total[present] / sums.number[present].unsqueeze(1)
    cosine = F.normalize(embedding.double(), dim=1) @ F.normalize(centres, dim=1).T
    distance = (1.0 - cosine).clamp(min=0.0) / 2 + 1e-8
    place = (torch.cumsum(present, 0) - 1)[label]
    return distance.gather(1, place.unsqueeze(1)).squeeze(1) / distance.sum(1)

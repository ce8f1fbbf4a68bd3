"""How far the samples of chosen classes spread, and how near their means come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class ClassGeometry(NamedTuple):
    """Penalty for spread within classes, penalty for nearness of their means, both ()."""

    intra: Tensor
    inter: Tensor


def class_geometry(
    features: Tensor, label: Tensor, classes: Sequence[int], *, cap: float, margin: float
) -> ClassGeometry:
    r"""Spread above a cap within chosen classes, and distances below a margin between their means.

    .. math:: \mathrm{intra} = \operatorname*{mean}_{c \in P}
        \left[\operatorname*{mean}_{y_i = c} \lVert z_i - \mu_c \rVert^2 - \mathrm{cap}\right]_+, \qquad
        \mathrm{inter} = \operatorname*{mean}_{a < b \in P}
        \left[\mathrm{margin} - \lVert \mu_a - \mu_b \rVert\right]_+

    Classes without a row are left out of both means; without any pair of classes ``inter`` is 0.

    Args:
        features: Rows z.
        label: Class of each row; other classes and negative numbers do not count.
        classes: The classes P.
        cap: Spread that costs nothing.
        margin: Distance from which on two means cost nothing.

    Shape:
        - features: (n, D)
        - label: (n,)

    Examples:
        >>> import torch
        >>> rows = torch.tensor([[0.0], [2.0], [1.25]])
        >>> found = class_geometry(rows, torch.tensor([0, 0, 1]), (0, 1), cap=0.2, margin=0.5)
        >>> round(found.intra.item(), 4), found.inter.item()
        (0.4, 0.25)
    """
    rows = features.to(torch.promote_types(features.dtype, torch.float32))
    own = label.unsqueeze(0) == torch.tensor(list(classes), device=label.device).unsqueeze(1)
    count = own.sum(1)
    there = count > 0
    divisor = count.clamp(min=1).to(rows.dtype)
    # Half precision would lose the small differences of which both terms are made.
    with torch.autocast(rows.device.type, enabled=False):
        means = own.to(rows.dtype) @ rows / divisor.unsqueeze(1)
    # Only rows of the classes are measured: one difference a row, not one for each row and class.
    place = own.to(torch.int8).argmax(0)
    square = (rows - means[place]).square().sum(1) * own.any(0)
    spread = torch.zeros_like(divisor).index_add(0, place, square) / divisor
    over = torch.where(there, (spread - cap).relu(), 0.0)
    intra = over.sum() / there.sum().clamp(min=1)
    first, second = torch.triu_indices(len(means), len(means), 1, device=rows.device).unbind()
    both = there[first] & there[second]
    near = (margin - torch.linalg.vector_norm(means[first] - means[second], dim=1)).relu()
    inter = torch.where(both, near, 0.0).sum() / both.sum().clamp(min=1)
    return ClassGeometry(intra, inter)

"""Labels whose uncertain share goes to other classes by weight."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


def smoothed_labels(label: Tensor, class_weight: Tensor, *, smoothing: float) -> Tensor:
    r"""Distribution with :math:`1 - \epsilon` on the label and the rest spread in proportion to weights.

    .. math:: q_y = 1 - \epsilon, \qquad q_k = \epsilon \frac{w_k}{\sum_{j \ne y} w_j} \quad (k \ne y)

    Args:
        label: Class index of each row, or -100 for a row without label, which becomes all 0.
        class_weight: Weight w of each class, above 0.
        smoothing: :math:`\epsilon`.

    Shape:
        - label: (...) int64
        - class_weight: (C,)
        - output: (..., C) of the type of ``class_weight``

    Examples:
        >>> import torch
        >>> smoothed_labels(torch.tensor([0]), torch.tensor([5.0, 1.0, 3.0]), smoothing=0.4).tolist()
        [[0.6000000238418579, 0.10000000149011612, 0.30000001192092896]]
    """
    labelled = (label != IGNORE_LABEL).unsqueeze(-1)
    own = label.clamp(min=0).unsqueeze(-1)
    others = class_weight.expand(*label.shape, -1).scatter(-1, own, 0.0)
    spread = smoothing * others / others.sum(-1, keepdim=True)
    return torch.where(labelled, spread.scatter(-1, own, 1.0 - smoothing), 0.0)

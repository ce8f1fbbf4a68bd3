"""Labels as distributions over similar classes."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


def similarity_targets(label: Tensor, similarity: Tensor, *, sharpness: float) -> Tensor:
    r"""Distribution that lies between the classes like the label and the label alone.

    .. math:: q_k = (1 - \lambda) \frac{s_{yk}}{\sum_j s_{yj}} + \lambda\,[k = y], \qquad s_{yy} = 1

    Args:
        label: Class index of each row, or -100 for a row without label, which becomes all 0.
        similarity: s, not negative; its diagonal is taken as 1, whatever it holds.
        sharpness: :math:`\lambda` in [0, 1]; 1 gives the label alone.

    Shape:
        - label: (...) int64
        - similarity: (C, C)
        - output: (..., C) of the type of ``similarity``

    Examples:
        >>> import torch
        >>> alike = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        >>> similarity_targets(torch.tensor([0, 2]), alike, sharpness=0.5).tolist()
        [[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]]
    """
    own = torch.eye(len(similarity), dtype=similarity.dtype, device=similarity.device)
    with_self = torch.where(own.bool(), 1.0, similarity)
    rows = (1.0 - sharpness) * with_self / with_self.sum(-1, keepdim=True) + sharpness * own
    labelled = (label != IGNORE_LABEL).unsqueeze(-1)
    return torch.where(labelled, rows[label.clamp(min=0)], 0.0)

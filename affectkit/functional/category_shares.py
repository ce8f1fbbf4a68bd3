"""Soft categories of rows of which some have votes and others a label."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.functional.vote_cross_entropy import has_votes
from affectkit.types import IGNORE_LABEL


def category_shares(label: Tensor, votes: Tensor | None, *, num_classes: int) -> Tensor:
    r"""Shares of the votes of each row that has some, else all on its label; NaN where there is neither.

    .. math:: q_{ic} = \begin{cases} v_{ic} / \sum_k v_{ik} & \text{where row } i \text{ has votes} \\
        [c = y_i] & \text{where it has a label alone} \end{cases}

    Args:
        label: Labels :math:`y`, -100 where absent.
        votes: Votes or probabilities :math:`v`; NaN in a row, or all 0, marks it absent, None all of them.
        num_classes: Number of classes C.

    Shape:
        - label: (...) int64
        - votes: (..., C)
        - output: (..., C) in the precision of the votes, float32 without any

    Examples:
        >>> votes = torch.tensor([[3.0, 1.0], [0.0, 0.0]])
        >>> category_shares(torch.tensor([1, 1]), votes, num_classes=2).tolist()
        [[0.75, 0.25], [0.0, 1.0]]
    """
    absent = label == IGNORE_LABEL
    dtype = torch.float32 if votes is None else votes.dtype
    one_hot = F.one_hot(label.masked_fill(absent, 0), num_classes).to(dtype)
    labels = one_hot.masked_fill(absent.unsqueeze(-1), torch.nan)
    if votes is None:
        return labels
    return torch.where(has_votes(votes).unsqueeze(-1), votes / votes.sum(-1, keepdim=True), labels)

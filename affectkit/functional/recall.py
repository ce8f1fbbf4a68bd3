"""Recall per class and its unweighted mean."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def class_recall(confusion: Tensor) -> Tensor:
    """Recall of each class; 0 for a class without true rows.

    Shape:
        - confusion: (C, C), rows = truth
        - output: (C,) float64
    """
    counts = confusion.to(torch.float64)
    return counts.diagonal() / counts.sum(1).clamp(min=1)


def unweighted_average_recall(confusion: Tensor, *, classes: Literal["present", "all"] = "present") -> Tensor:
    """Mean of the class recalls, each class counted once (UAR, balanced accuracy).

    Args:
        confusion: Counts, rows = truth.
        classes: ``present`` averages over the classes that have true rows; ``all`` over all of
            them, an absent class counted as 0, which lowers the score on small splits.

    Shape:
        - confusion: (C, C)
        - output: () float64; 0 without any row

    Examples:
        >>> import torch
        >>> counts = torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]])
        >>> float(unweighted_average_recall(counts))
        0.875
    """
    recall = class_recall(confusion)
    number = (confusion.sum(1) > 0).sum() if classes == "present" else torch.tensor(len(recall))
    return recall.sum() / number.clamp(min=1)

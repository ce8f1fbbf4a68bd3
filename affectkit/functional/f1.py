"""F1 per class and its averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

F1Average = Literal["weighted", "macro", "micro"]
#: Classes that are true or predicted somewhere, or every class, an unseen one with a score of 0.
F1Classes = Literal["seen", "all"]


def class_f1(confusion: Tensor) -> Tensor:
    r"""F1 of each class; 0 for a class that is neither true nor predicted.

    .. math:: F_c = \frac{2\,\mathrm{TP}_c}{2\,\mathrm{TP}_c + \mathrm{FP}_c + \mathrm{FN}_c}

    Shape:
        - confusion: (C, C), rows = truth
        - output: (C,) float64
    """
    counts = confusion.to(torch.float64)
    return 2 * counts.diagonal() / (counts.sum(0) + counts.sum(1)).clamp(min=1)


def f1_score(
    confusion: Tensor,
    *,
    average: F1Average = "weighted",
    exclude: Sequence[int] = (),
    classes: F1Classes = "seen",
) -> Tensor:
    """F1 over classes.

    Args:
        confusion: Counts, rows = truth.
        average: ``weighted`` by true rows; ``macro`` over ``classes``; ``micro`` over the pooled counts.
        exclude: Classes whose own score does not count. Their rows stay: predicting "joy" for an
            excluded "neutral" is still a false positive of "joy". DailyDialog's usual score is
            micro F1 without the neutral class.
        classes: Which classes a ``macro`` average runs over: ``seen``, those that are true or predicted
            somewhere, or ``all``, an unseen one with a score of 0.

    Shape:
        - confusion: (C, C)
        - output: () float64; 0 without any row

    Raises:
        ValueError: If the average is unknown.

    Examples:
        >>> import torch
        >>> counts = torch.tensor([[8, 2], [1, 4]])
        >>> round(float(f1_score(counts, average="micro")), 4)
        0.8
        >>> round(float(f1_score(counts, average="micro", exclude=[0])), 4)
        0.7273
    """
    kept = torch.ones(len(confusion), dtype=torch.bool, device=confusion.device)
    kept[list(exclude)] = False
    hits = confusion.diagonal()[kept].to(torch.float64)
    support, predicted = confusion.sum(1)[kept], confusion.sum(0)[kept]
    scores = class_f1(confusion)[kept]
    if average == "micro":
        return 2 * hits.sum() / (support + predicted).sum().clamp(min=1)
    if average == "macro":
        number = (support + predicted > 0).sum() if classes == "seen" else kept.sum()
        return scores.sum() / number.clamp(min=1)
    if average == "weighted":
        return (scores * support).sum() / support.sum().clamp(min=1)
    raise ValueError(f"f1_score does not know the average {average!r}; use 'weighted', 'macro' or 'micro'.")

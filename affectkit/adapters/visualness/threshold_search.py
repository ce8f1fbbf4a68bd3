"""The threshold that tells visual from non-visual texts best."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


class Threshold(NamedTuple):
    """A threshold and what it reaches on the scores that it was chosen on."""

    threshold: float
    value: float


def threshold_search(
    scores: Tensor, label: Tensor, *, metric: Literal["macro_f1", "accuracy"] = "macro_f1"
) -> Threshold:
    """Try every threshold that can make a difference; of equally good ones, take the lowest.

    Scores above the threshold count as class 1. Give validation scores: on the test split it would
    be part of the result.

    Args:
        scores: A score for each row.
        label: 1 or 0; -100 leaves a row out.
        metric: What is to be largest: the mean of the two classes' F1, or the share of hits.

    Shape:
        - scores, label: (N,)

    Raises:
        ValueError: If a class has no row, a score is NaN, or the metric is unknown.

    Examples:
        >>> threshold_search(torch.tensor([0.25, 0.75, 1.0]), torch.tensor([0, 1, 1]))
        Threshold(threshold=0.5, value=1.0)
    """
    if metric not in ("macro_f1", "accuracy"):
        raise ValueError(f"threshold_search got metric={metric!r}: use 'macro_f1' or 'accuracy'.")
    known = label != IGNORE_LABEL
    scores, label = scores[known].double(), label[known]
    if bool(scores.isnan().any()) or not {0, 1} == set(label.tolist()):
        raise ValueError(
            f"threshold_search got {len(label)} rows of the classes {sorted(set(label.tolist()))}, "
            f"{int(scores.isnan().sum())} scores NaN: give numbers for rows of both classes, 0 and 1."
        )
    scores, order = scores.sort()
    label = label[order]
    # Between every two neighbours that differ, and beyond both ends.
    cuts = (scores.diff() > 0).nonzero().squeeze(1) + 1
    cuts = torch.cat([torch.tensor([0]), cuts.cpu(), torch.tensor([len(scores)])])
    below = torch.cat([torch.zeros(1), label.cpu().double().cumsum(0)])[cuts]
    visual, rows = float(label.sum()), len(label)
    missed, hit = below, visual - below
    rejected = cuts - below
    alarms = (rows - visual) - rejected
    if metric == "accuracy":
        values = (hit + rejected) / rows
    else:
        values = (2 * hit / (2 * hit + missed + alarms) + 2 * rejected / (2 * rejected + missed + alarms)) / 2
    best = int(values.argmax())
    place = int(cuts[best])
    if place == 0:
        threshold = float(scores[0]) - 1.0
    elif place == rows:
        threshold = float(scores[-1]) + 1.0
    else:
        threshold = float(scores[place - 1] + scores[place]) / 2
    return Threshold(threshold, float(values[best]))

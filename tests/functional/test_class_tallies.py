"""Scores from tallies are those of the metrics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.functional import (
    TALLY_SCORES,
    TallyScoreName,
    class_tallies,
    f1_score,
    unweighted_average_recall,
)

CLASSES = 4


def draw() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    # The last class is never true, and never said.
    target, said = (torch.randint(0, CLASSES - 1, (50,), generator=generator) for _ in range(2))
    return said, target


def metric(name: str, said: Tensor, target: Tensor) -> float:
    counts = torch.zeros(CLASSES, CLASSES)
    for one, other in zip(target.tolist(), said.tolist(), strict=True):
        counts[one, other] += 1
    if name == "accuracy":
        return (said == target).double().mean().item()
    if name == "uar_present":
        return unweighted_average_recall(counts).item()
    return f1_score(counts, average="macro" if name == "macro_f1" else "weighted").item()


@pytest.mark.parametrize("name", TALLY_SCORES)
def test_they_equal_the_metric_on_any_subset(name: TallyScoreName) -> None:
    said, target = draw()
    tallies = class_tallies(said, target, num_classes=CLASSES)
    subsets = torch.rand(6, 50, generator=torch.Generator().manual_seed(1)) < 0.3
    found = TALLY_SCORES[name](subsets.double() @ tallies)
    expected = [metric(name, said[rows], target[rows]) for rows in subsets]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)
    nothing: Tensor = TALLY_SCORES[name](torch.zeros(3 * CLASSES, dtype=torch.float64))
    assert bool(nothing.isnan())


def test_what_does_not_fit_is_refused() -> None:
    said, target = draw()
    for left, right in (
        (said[1:], target),
        (said + 2, target),
        (said, target - 1),
        (said[:0, None], target[:0]),
    ):
        with pytest.raises(ValueError, match="from 0 to 3"):
            class_tallies(left, right, num_classes=CLASSES)

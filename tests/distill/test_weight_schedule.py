from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectkit.distill import GeometricPriorLoss, WeightSchedule
from affectkit.losses import ClassificationLoss, WeightedSum
from affectkit.types import AffectOutput, LossTerms, Target

GOLDEN = Path(__file__).parents[1] / "golden" / "neurogaze_dgeo_schedule_unofficial.npz"


@pytest.mark.golden
def test_the_golden_ramp() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        epochs, expected = stored["epoch"].tolist(), stored["weight"].tolist()
    weight = WeightSchedule(0.012, begin=20, finish=60, total=100)
    assert [weight(epoch / 100) for epoch in epochs] == pytest.approx(expected, abs=1e-12)


def test_a_line_and_a_fall() -> None:
    line = WeightSchedule(3.0, 1.0, begin=2, finish=4, total=8, shape="linear")
    assert [line(share / 8) for share in (0, 2, 3, 4, 8)] == [1.0, 1.0, 2.0, 3.0, 3.0]
    fall = WeightSchedule(0.0, 1.0)
    assert fall(0.0) == 1.0 and fall(0.25) > 0.75 and fall(1.0) == 0.0


def test_a_weighted_sum_asks_it() -> None:
    loss = WeightedSum(
        {"label": ClassificationLoss(2), "prior": GeometricPriorLoss([0, 1])},
        {"prior": WeightSchedule(0.5, begin=20, finish=60, total=100)},
    )
    output = AffectOutput(logits=torch.zeros(3, 2), embedding=torch.eye(3))
    totals = []
    for progress in (0.0, 0.4, 0.8):
        loss.set_progress(progress)
        terms: LossTerms = loss(output, Target(label=torch.tensor([0, 0, 1])))
        totals.append(terms.total.item() - terms.terms["label"].item())
    prior = terms.terms["prior"].item()
    assert prior > 0 and totals == pytest.approx([0.0, 0.25 * prior, 0.5 * prior], abs=1e-6)


def test_refusals() -> None:
    for wrong in ({"begin": 3, "finish": 2, "total": 4}, {"finish": 2.0}, {"shape": "step"}):
        with pytest.raises(ValueError, match="finish <= total"):
            WeightSchedule(1.0, **wrong)

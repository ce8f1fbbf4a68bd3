"""Labels that begin as alike emotions and end as themselves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.labels import ValenceArousalWheel, label_space
from affectkit.losses import ClassificationLoss, FollowsProgress, SimilaritySmoothingLoss, WeightedSum
from affectkit.types import AffectOutput, LossTerms, Target

SPACE = label_space("meld7.official")
LOGITS = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
LABEL = torch.tensor([0, -100, 5])
WEIGHT = [1.0, 2.0, 0.5, 1.0, 3.0, 1.5, 1.0]


def value(loss: ClassificationLoss, logits: Tensor = LOGITS) -> float:
    terms: LossTerms = loss(AffectOutput(logits=logits), Target(label=LABEL))
    return float(terms.total)


def naive(sharpness: float) -> float:
    alike, total = ValenceArousalWheel().similarity(SPACE), 0.0
    for row, label in zip(LOGITS.tolist(), LABEL.tolist(), strict=True):
        if label == -100:
            continue
        log_sum = math.log(sum(math.exp(score) for score in row))
        similar = [1.0 if k == label else alike[label][k] for k in range(7)]
        for k in range(7):
            goal = (1 - sharpness) * similar[k] / sum(similar) + sharpness * (k == label)
            total -= WEIGHT[k] * goal * (row[k] - log_sum)
    return total / 2


@pytest.mark.parametrize(("progress", "sharpness"), [(0.0, 0.0), (0.2, 0.5), (0.4, 1.0), (0.9, 1.0)])
def test_equals_a_loop_at_every_progress(progress: float, sharpness: float) -> None:
    loss = SimilaritySmoothingLoss("meld7.official", sharp_at=0.4, class_weight=WEIGHT)
    loss.set_progress(progress)
    assert value(loss) == pytest.approx(naive(sharpness), abs=1e-6)


def test_sharp_labels_are_plain_cross_entropy_and_evaluation_is_sharp() -> None:
    loss = SimilaritySmoothingLoss("meld7.official")
    plain = value(ClassificationLoss(7))
    assert value(loss) != pytest.approx(plain, abs=1e-2)
    assert value(loss.eval()) == pytest.approx(plain, abs=1e-6)
    loss.train().set_progress(1.0)
    assert value(loss) == pytest.approx(plain, abs=1e-6)


def test_a_sum_tells_it_how_far_training_is() -> None:
    loss = SimilaritySmoothingLoss("meld7.official")
    assert isinstance(loss, FollowsProgress)
    WeightedSum({"emotion": loss}).set_progress(0.25)
    assert loss.sharpness == 0.5


def test_class_counts_weigh_it_and_a_nan_in_an_ignored_row_stays_there() -> None:
    loss = SimilaritySmoothingLoss(similarity=[[1.0, 0.5], [0.5, 1.0]])
    loss.set_class_weights(torch.tensor([30, 10]), "balanced")
    logits = torch.tensor([[0.3, -0.2], [float("nan"), 1.0]], requires_grad=True)
    terms = loss(AffectOutput(logits=logits), Target(label=torch.tensor([0, -100])))
    torch.autograd.backward(terms.total)
    assert logits.grad is not None and bool(logits.grad.isfinite().all()) and not logits.grad[1].any()
    log_p = torch.log_softmax(torch.tensor([0.3, -0.2]), 0)
    weights = loss.class_weight
    assert weights[1] > weights[0]
    expected = -(weights * torch.tensor([2 / 3, 1 / 3]) * log_p).sum()
    assert terms.total.item() == pytest.approx(expected.item(), abs=1e-6)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="either label_space or similarity"):
        SimilaritySmoothingLoss()
    with pytest.raises(ValueError, match=r"rows of \[2, 1\]"):
        SimilaritySmoothingLoss(similarity=[[1.0, 0.0], [1.0]])
    with pytest.raises(ValueError, match="sharp_at=0"):
        SimilaritySmoothingLoss("meld7.official", sharp_at=0.0)
    with pytest.raises(ValueError, match=r"shapes \(3, 7\) and None"):
        SimilaritySmoothingLoss("meld7.official")(AffectOutput(logits=LOGITS), Target())

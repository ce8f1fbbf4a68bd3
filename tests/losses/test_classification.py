from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from affectkit.functional import class_weights, cross_entropy_rows
from affectkit.losses import ClassificationLoss
from affectkit.types import AffectOutput, LossTerms, Target

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(8, 3, generator=GENERATOR)
LABEL = torch.tensor([0, 1, 2, 0, 0, -100, 1, 0])


def total(loss: ClassificationLoss, weight: torch.Tensor | None = None) -> float:
    terms: LossTerms = loss(AffectOutput(logits=LOGITS), Target(label=LABEL, weight=weight))
    assert float(terms.weight) == 7.0
    return terms.total.item()


def test_plain_is_torchs_mean() -> None:
    expected = F.cross_entropy(LOGITS, LABEL, ignore_index=-100)
    assert total(ClassificationLoss(3)) == pytest.approx(expected.item(), abs=1e-6)


def test_class_weights_are_divided_by_rows_not_by_their_sum() -> None:
    weight = torch.tensor([0.5, 2.0, 4.0])
    rows = cross_entropy_rows(LOGITS, LABEL, class_weight=weight)
    assert total(ClassificationLoss(3, class_weight=weight.tolist())) == pytest.approx(
        rows.sum().item() / 7, abs=1e-6
    )
    by_sum = F.cross_entropy(LOGITS, LABEL, weight=weight, ignore_index=-100).item()
    assert abs(rows.sum().item() / 7 - by_sum) > 0.05


def test_balanced_weights_agree_with_torch_over_the_split_they_come_from() -> None:
    loss = ClassificationLoss(3)
    counts = [4, 2, 1]
    loss.set_class_weights(counts, "balanced")
    expected = F.cross_entropy(LOGITS, LABEL, weight=class_weights(counts), ignore_index=-100)
    assert total(loss) == pytest.approx(expected.item(), abs=1e-6)


def test_a_row_weight_scales_its_row_and_not_the_divisor() -> None:
    weight = torch.ones(8)
    weight[1] = 0.25
    rows = cross_entropy_rows(LOGITS, LABEL)
    expected = (rows * weight).sum().item() / 7
    assert total(ClassificationLoss(3), weight) == pytest.approx(expected, abs=1e-6)


def test_class_weights_travel_with_the_state() -> None:
    weighted, fresh = ClassificationLoss(3), ClassificationLoss(3)
    weighted.set_class_weights(torch.tensor([4, 2, 1]), "sqrt")
    fresh.load_state_dict(weighted.state_dict())
    assert total(fresh) == total(weighted) != total(ClassificationLoss(3))


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="2 class weights"):
        ClassificationLoss(3, class_weight=[1.0, 2.0])
    with pytest.raises(ValueError, match="0 or more"):
        ClassificationLoss(2, class_weight=[1.0, -2.0])
    with pytest.raises(ValueError, match=r"smoothing=1\.0"):
        ClassificationLoss(3, label_smoothing=1.0)
    with pytest.raises(ValueError, match=r"gamma=-1\.0"):
        ClassificationLoss(3, gamma=-1.0)
    with pytest.raises(ValueError, match="2 counts for 3 classes"):
        ClassificationLoss(3).set_class_weights([1, 2], "balanced")
    with pytest.raises(ValueError, match="last axis of 4"):
        ClassificationLoss(4)(AffectOutput(logits=LOGITS), Target(label=LABEL))

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.losses import MultilabelLoss
from affectkit.types import AffectOutput, LossTerms, Target

LOGITS = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TRUTH = (torch.randn(5, 3, generator=torch.Generator().manual_seed(1)) > 0).double()


def naive(logits: Tensor, truth: Tensor, weight: list[float]) -> float:
    rows: list[float] = []
    for z_row, y_row in zip(logits.tolist(), truth.tolist()):
        cells: list[float] = []
        for z, y, w in zip(z_row, y_row, weight):
            if not math.isnan(y):
                p = 1 / (1 + math.exp(-z))
                cells.append(-(w * y * math.log(p) + (1 - y) * math.log(1 - p)))
        if cells:
            rows.append(sum(cells) / len(cells))
    return sum(rows) / len(rows)


def terms(logits: Tensor, truth: Tensor, loss: MultilabelLoss, weight: Tensor | None = None) -> LossTerms:
    result: LossTerms = loss(AffectOutput(logits=logits), Target(multilabel=truth, weight=weight))
    return result


def test_it_equals_the_formula_over_what_is_annotated() -> None:
    truth = TRUTH.clone()
    truth[0, 1], truth[3] = math.nan, math.nan
    result = terms(LOGITS, truth, MultilabelLoss())
    assert result.total.item() == pytest.approx(naive(LOGITS, truth, [1, 1, 1]), abs=1e-12)
    assert float(result.weight) == 4.0
    weighted = terms(LOGITS, truth, MultilabelLoss(positive_weight=[2.0, 0.5, 3.0]))
    assert weighted.total.item() == pytest.approx(naive(LOGITS, truth, [2.0, 0.5, 3.0]), abs=1e-12)


def test_what_is_absent_adds_exactly_nothing() -> None:
    truth = TRUTH.clone()
    truth[0, 1], truth[3] = math.nan, math.nan
    logits = LOGITS.clone()
    logits[0, 1], logits[3], logits[4] = math.nan, math.inf, math.nan
    logits.requires_grad_()
    weight = torch.tensor([1.0, 1, 1, 1, 0])
    result = terms(logits, truth, MultilabelLoss(), weight)
    torch.autograd.backward(result.total)
    assert result.total.item() == pytest.approx(naive(LOGITS[:4], truth[:4], [1, 1, 1]), abs=1e-12)
    assert logits.grad is not None
    absent = truth.isnan() | (weight == 0).unsqueeze(1)
    assert not logits.grad[absent].any() and logits.grad[~absent].all()


def test_a_named_head_is_compared_with_its_own_target() -> None:
    output = AffectOutput(logits=torch.zeros(5, 2), extra={"object": LOGITS})
    target = Target(label=torch.zeros(5, dtype=torch.int64), extra={"object": TRUTH})
    result: LossTerms = MultilabelLoss(head="object")(output, target)
    assert result.total.item() == pytest.approx(naive(LOGITS, TRUTH, [1, 1, 1]), abs=1e-12)
    assert list(result.terms) == ["multilabel_object"]


def test_the_gradient_is_that_of_the_value() -> None:
    loss = MultilabelLoss(positive_weight=[2.0, 0.5, 3.0])
    truth = TRUTH.clone()
    truth[0, 1] = math.nan
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: terms(z, truth, loss).total, (logits,))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="one column a label"):
        terms(LOGITS, TRUTH[:, :2], MultilabelLoss())
    with pytest.raises(ValueError, match="2 labels"):
        terms(LOGITS, TRUTH, MultilabelLoss(positive_weight=[1.0, 1.0]))
    with pytest.raises(ValueError, match="extra 'object'"):
        terms(LOGITS, TRUTH, MultilabelLoss(head="object"))
    with pytest.raises(ValueError, match="0 or more"):
        MultilabelLoss(positive_weight=[-1.0])

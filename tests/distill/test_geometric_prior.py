from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit import distributed
from affectkit.distill import GeometricPriorLoss
from affectkit.types import AffectOutput, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden" / "neurogaze_dgeo_unofficial.npz"
ROWS = torch.randn(9, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
LABEL = torch.tensor([3, 0, 3, 1, 0, -100, 1, 3, 2])
CLASSES = (0, 1, 3)


def run(loss: GeometricPriorLoss, rows: Tensor, target: Target, logits: Tensor | None = None) -> LossTerms:
    terms: LossTerms = loss(AffectOutput(embedding=rows, logits=logits), target)
    return terms


def naive(
    rows: Tensor, label: list[int], classes: tuple[int, ...], cap: float, margin: float
) -> tuple[float, float]:
    groups = {c: [row for row, own in zip(rows, label) if own == c] for c in classes}
    means = {c: sum(group[1:], group[0]) / len(group) for c, group in groups.items() if group}
    over = [
        max(sum(float((row - mean) @ (row - mean)) for row in groups[c]) / len(groups[c]) - cap, 0.0)
        for c, mean in means.items()
    ]
    near = [max(margin - float((means[a] - means[b]).norm()), 0.0) for a, b in combinations(means, 2)]
    return sum(over) / max(len(over), 1), sum(near) / max(len(near), 1)


@pytest.mark.golden
def test_the_golden_batch_and_its_gradient() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    features = arrays["features"].requires_grad_()
    loss = GeometricPriorLoss([0, 1], normalized=False)
    terms = run(loss, features, Target(label=arrays["labels"]))
    torch.testing.assert_close(terms.total, arrays["loss"], rtol=1e-6, atol=0)
    torch.testing.assert_close(terms.terms["spread"], arrays["intra"], rtol=1e-6, atol=0)
    torch.testing.assert_close(terms.terms["nearness"], arrays["inter"], rtol=0, atol=0)
    torch.autograd.backward(terms.total)
    assert features.grad is not None
    torch.testing.assert_close(features.grad, arrays["grad_features"], rtol=0, atol=1e-7)
    # The features have unit length already: bringing them there again changes the gradient only.
    again = run(GeometricPriorLoss([0, 1]), arrays["features"].detach(), Target(label=arrays["labels"]))
    torch.testing.assert_close(again.total, arrays["loss"], rtol=1e-5, atol=0)


@pytest.mark.parametrize("classes", [CLASSES, (1,), (0, 5), (7, 8)])
def test_it_equals_a_loop_over_classes_and_pairs(classes: tuple[int, ...]) -> None:
    unit = ROWS / ROWS.norm(dim=1, keepdim=True)
    terms = run(GeometricPriorLoss(classes, cap=0.1, margin=1.2), ROWS, Target(label=LABEL))
    intra, inter = naive(unit, LABEL.tolist(), classes, 0.1, 1.2)
    assert terms.terms["spread"].item() == pytest.approx(intra, abs=1e-12)
    assert terms.terms["nearness"].item() == pytest.approx(inter, abs=1e-12)
    assert terms.total.item() == pytest.approx(intra + inter, abs=1e-12)
    assert float(terms.weight) == 9
    assert classes == (7, 8) or intra > 0


def test_rows_that_do_not_count_reach_nothing() -> None:
    weight = torch.ones(9)
    weight[0] = 0.0
    rows = ROWS.clone()
    rows[[0, 5]] = math.nan
    rows = rows.requires_grad_()
    loss = GeometricPriorLoss(CLASSES, cap=0.1, margin=1.2)
    terms = run(loss, rows, Target(label=LABEL, weight=weight))
    torch.autograd.backward(terms.total)
    left = run(loss, ROWS[1:], Target(label=LABEL[1:]))
    assert terms.total.item() == pytest.approx(left.total.item(), abs=1e-12) and float(terms.weight) == 8
    assert rows.grad is not None and bool(rows.grad.isfinite().all())
    assert not rows.grad[[0, 5, 8]].any() and bool(rows.grad[[1, 2, 3, 4, 6, 7]].any(1).all())


def test_unsure_rows_are_left_out_by_the_gate() -> None:
    logits = torch.zeros(9, 8)
    logits[[1, 2, 3, 4, 6], 0] = 5.0
    loss = GeometricPriorLoss(CLASSES, cap=0.1, margin=1.2, min_confidence=0.2)
    kept = LABEL.clone()
    kept[[0, 7]] = -100
    terms = run(loss, ROWS, Target(label=LABEL), logits)
    without = run(GeometricPriorLoss(CLASSES, cap=0.1, margin=1.2), ROWS, Target(label=kept))
    assert terms.total.item() == pytest.approx(without.total.item(), abs=1e-12)
    with pytest.raises(ValueError, match="needs logits"):
        run(loss, ROWS, Target(label=LABEL))


def test_equal_means_have_a_finite_gradient_and_gradcheck() -> None:
    rows = torch.ones(2, 3, requires_grad=True)
    terms = run(GeometricPriorLoss([0, 1]), rows, Target(label=torch.tensor([0, 1])))
    torch.autograd.backward(terms.total)
    assert terms.total.item() == pytest.approx(0.5) and rows.grad is not None
    assert bool(rows.grad.isfinite().all())

    def total(embedding: Tensor) -> Tensor:
        return run(GeometricPriorLoss(CLASSES, cap=0.1, margin=1.2), embedding, Target(label=LABEL)).total

    assert torch.autograd.gradcheck(total, (ROWS.clone().requires_grad_(),))


def test_half_precision_around_it_does_not_reach_it() -> None:
    loss = GeometricPriorLoss(CLASSES, cap=0.1, margin=1.2)
    plain = run(loss, ROWS.float(), Target(label=LABEL)).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = run(loss, ROWS.float(), Target(label=LABEL)).total
    assert half.item() == pytest.approx(plain.item(), abs=1e-6)


def test_refusals() -> None:
    for classes in ([], [-1], [2, 2]):
        with pytest.raises(ValueError, match="different class numbers"):
            GeometricPriorLoss(classes)
    for wrong in ({"cap": -0.1}, {"margin": -1.0}, {"min_confidence": 1.0}):
        with pytest.raises(ValueError, match="a confidence in"):
            GeometricPriorLoss([0], **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one embedding and one label"):
        run(GeometricPriorLoss([0]), ROWS, Target(label=LABEL[:3]))


def rank_gradient(split: tuple[int, ...]) -> tuple[list[list[float]], float]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    embedding = ROWS.clone().requires_grad_()
    terms = run(GeometricPriorLoss(CLASSES, cap=0.1, margin=1.2), embedding[rows], Target(label=LABEL[rows]))
    torch.autograd.backward(terms.total * terms.weight)
    assert embedding.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    value = distributed.all_reduce_sum(terms.total * terms.weight) / window
    return (distributed.all_reduce_sum(embedding.grad) / window).tolist(), float(value)


@pytest.mark.distributed
def test_two_ranks_are_one_batch(run_ranks: RunRanks) -> None:
    gradient, value = rank_gradient((9,))
    for split in ((4, 5), (9, 0)):
        for other in run_ranks(rank_gradient, split):
            assert other[1] == pytest.approx(value, abs=1e-12)
            torch.testing.assert_close(torch.tensor(other[0]), torch.tensor(gradient), rtol=0, atol=1e-12)

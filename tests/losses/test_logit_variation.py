"""Cross entropy on scores with noise, most for rare classes."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.losses import LogitVariationLoss
from affectkit.types import AffectOutput, LossTerms, Target

COUNTS = [60, 30, 9, 1]


def test_it_equals_a_loop_over_rows_with_the_same_noise() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    label = torch.tensor([0, 3, -100, 2, 1])
    row_weight = torch.tensor([1.0, 2.0, 1.0, 0.0, 1.0])
    torch.manual_seed(7)
    noise = torch.randn(5, 4)
    rarest = math.log(100 / 1)
    total, count = 0.0, 0
    for row in range(5):
        if label[row] == -100 or row_weight[row] == 0:
            continue
        moved = []
        for index, number in enumerate(COUNTS):
            size = min(1.0, abs(2.5 * float(noise[row, index])))
            moved.append(float(logits[row, index]) + size * math.log(100 / number) / rarest)
        log_sum = math.log(sum(math.exp(value) for value in moved))
        total += float(row_weight[row]) * (log_sum - moved[int(label[row])])
        count += 1
    loss = LogitVariationLoss(COUNTS, sigma=2.5)
    torch.manual_seed(7)
    terms: LossTerms = loss(AffectOutput(logits=logits), Target(label=label, weight=row_weight))
    assert float(terms.total) == pytest.approx(total / count, abs=1e-6) and float(terms.weight) == count


def test_noise_is_between_nothing_and_the_rarity_of_the_class() -> None:
    loss = LogitVariationLoss(COUNTS)
    assert loss.variation.tolist() == sorted(loss.variation.tolist()) and float(loss.variation[-1]) == 1.0
    seen: list[torch.Tensor] = []
    label = torch.zeros(400, dtype=torch.int64)
    logits = torch.zeros(400, 4, requires_grad=True)
    torch.manual_seed(0)
    terms: LossTerms = loss(AffectOutput(logits=logits), Target(label=label))
    (grad,) = torch.autograd.grad(terms.total, logits)
    # Of equal scores, softmax minus one-hot says what was added: shares by exp(noise).
    shares = grad * 400 + torch.nn.functional.one_hot(label, 4)
    seen.append(shares.log() - shares.log()[:, :1])
    mean = seen[0].mean(0)
    assert mean[1] < mean[2] < mean[3] and float(seen[0][:, 3].max()) <= 1.0 + 1e-5


def test_evaluation_and_no_deviation_are_plain_cross_entropy() -> None:
    logits, label = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    plain = torch.nn.functional.cross_entropy(logits, label)
    for loss in (LogitVariationLoss(COUNTS).eval(), LogitVariationLoss(COUNTS, sigma=0.0)):
        terms: LossTerms = loss(AffectOutput(logits=logits), Target(label=label))
        torch.testing.assert_close(terms.total, plain)
    noisy: LossTerms = LogitVariationLoss(COUNTS)(AffectOutput(logits=logits), Target(label=label))
    assert abs(float(noisy.total - plain)) > 1e-3


def test_refusals() -> None:
    for counts in ([3], [3, 0]):
        with pytest.raises(ValueError, match="1 or more"):
            LogitVariationLoss(counts)
    with pytest.raises(ValueError, match=r"sigma=-1\.0"):
        LogitVariationLoss(COUNTS, sigma=-1.0)
    with pytest.raises(ValueError, match="with 4 logits for each label"):
        LogitVariationLoss(COUNTS)(
            AffectOutput(logits=torch.zeros(3, 3)), Target(label=torch.zeros(3, dtype=torch.int64))
        )

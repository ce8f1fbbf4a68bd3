"""Metrics of probabilities: against naive forms, over ranks, and in a collection."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit import distributed
from affectkit.metrics import (
    AdaptiveCalibrationError,
    BrierScore,
    CalibrationError,
    SelectiveAccuracy,
    calibration_metrics,
)

if TYPE_CHECKING:
    from tests.conftest import RunRanks

CLASSES = 4


def rows(number: int = 90, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(number, CLASSES, generator=generator)
    label = torch.randint(0, CLASSES, (number,), generator=generator)
    label[::9] = -100
    return logits, label


def naive(logits: Tensor, label: Tensor, *, bins: int = 15, coverage: float = 0.8) -> dict[str, float]:
    """Every score from lists, one row at a time."""
    table = []
    for row, truth in zip(logits.double().tolist(), label.tolist(), strict=True):
        if truth == -100:
            continue
        total = sum(math.exp(z) for z in row)
        chances = [math.exp(z) / total for z in row]
        answer = max(range(CLASSES), key=chances.__getitem__)
        brier = sum((p - (c == truth)) ** 2 for c, p in enumerate(chances))
        table.append((max(chances), answer == truth, brier, -math.log(chances[truth])))
    number = len(table)

    def error(groups: list[list[tuple[float, bool, float, float]]]) -> float:
        gaps = [abs(sum(r[0] for r in some) - sum(r[1] for r in some)) for some in groups]
        return sum(gaps) / number

    ranked = sorted(table, key=lambda r: r[0])
    ece = error([[r for r in table if k / bins < r[0] <= (k + 1) / bins] for k in range(bins)])
    mass = error([[r for i, r in enumerate(ranked) if i * bins // number == k] for k in range(bins)])
    risks, wrong = [], 0
    for place, (_, right, _, _) in enumerate(reversed(ranked), start=1):
        wrong += not right
        risks.append(wrong / place)
    kept = coverage * number
    whole = int(kept)
    right = sum(r[1] for r in ranked[::-1][:whole]) + (kept - whole) * ranked[::-1][whole][1]
    return {
        "ece": ece,
        "ece_left": ece,
        "adaptive_ece": mass,
        "brier": sum(r[2] for r in table) / number,
        "nll": sum(r[3] for r in table) / number,
        "aurc": sum(risks) / number,
        "accuracy_at_80": right / kept,
    }


def scores(metrics: MetricCollection) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.compute().items()}


def test_every_score_is_its_naive_form() -> None:
    logits, label = rows()
    metrics = calibration_metrics(CLASSES)
    for part in torch.split(torch.arange(90), 7):
        metrics.update(logits[part], label[part])
    assert scores(metrics) == pytest.approx(naive(logits, label), abs=1e-9)


def test_conversations_and_weights() -> None:
    logits, label = rows()
    weight = (torch.arange(90) % 4 != 0).float()
    metrics = calibration_metrics(CLASSES)
    metrics.update(logits.reshape(9, 10, CLASSES), label.reshape(9, 10), weight.reshape(9, 10))
    kept = weight > 0
    assert scores(metrics) == pytest.approx(naive(logits[kept], label[kept]), abs=1e-9)


def on_a_rank(shares: list[int]) -> dict[str, float]:
    logits, label = rows()
    start = sum(shares[: distributed.rank()])
    mine = slice(start, start + shares[distributed.rank()])
    metrics = calibration_metrics(CLASSES)
    for part in torch.split(torch.arange(90)[mine], 8):
        metrics.update(logits[part], label[part])
    return scores(metrics)


@pytest.mark.distributed
@pytest.mark.parametrize("shares", [[45, 45], [77, 13], [0, 90]], ids=str)
def test_ranks_give_what_one_process_gives(run_ranks: RunRanks, shares: list[int]) -> None:
    logits, label = rows()
    alone = calibration_metrics(CLASSES)
    alone.update(logits, label)
    for found in run_ranks(on_a_rank, shares):
        assert found == pytest.approx(scores(alone), abs=1e-12)


def test_metrics_of_other_conventions_do_not_share_a_state() -> None:
    metrics = MetricCollection(
        {
            "right": CalibrationError(2, num_bins=2),
            "left": CalibrationError(2, num_bins=2, closed="left"),
        }
    )
    # The first batch gives both the same sums; 0.5 then lies in another bin under each convention.
    for margin, label in ((math.log(9), 0), (0.0, 0), (math.log(9), 1)):
        metrics.update(torch.tensor([[margin, 0.0]], dtype=torch.float64), torch.tensor([label]))
    found = scores(metrics)
    assert found["right"] == pytest.approx((0.5 + 0.8) / 3)
    assert found["left"] == pytest.approx(abs(0.5 + 0.9 + 0.9 - 2) / 3)


def test_a_metric_is_reset_and_used_again() -> None:
    logits, label = rows()
    metrics = calibration_metrics(CLASSES)
    for _ in range(2):
        metrics.update(logits, label)
        assert scores(metrics) == pytest.approx(naive(logits, label), abs=1e-9)
        metrics.reset()


def test_states_stay_exact_in_a_bf16_module() -> None:
    logits, label = rows()
    metrics = calibration_metrics(CLASSES).to(torch.bfloat16)
    metrics.update(logits, label)
    assert scores(metrics) == pytest.approx(naive(logits, label), abs=1e-9)


def test_without_rows_every_score_is_zero() -> None:
    metrics = calibration_metrics(CLASSES)
    metrics.update(torch.zeros(3, CLASSES), torch.full((3,), -100))
    assert set(scores(metrics).values()) == {0.0}


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="class indices have no probability"):
        BrierScore(3).update(torch.tensor([1, 2]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match=r"got labels 3\.\.3 for 3 classes"):
        BrierScore(3).update(torch.zeros(1, 3), torch.tensor([3]))
    with pytest.raises(ValueError, match="give 1 bin or more"):
        CalibrationError(3, num_bins=0)
    with pytest.raises(ValueError, match="give 1 or more"):
        AdaptiveCalibrationError(3, num_bins=0)
    with pytest.raises(ValueError, match="share of the rows"):
        SelectiveAccuracy(3, coverage=0.0)

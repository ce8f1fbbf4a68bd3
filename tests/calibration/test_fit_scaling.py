from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit import distributed
from affectkit.calibration import (
    CalibrationFitError,
    LogitScaling,
    TemperatureScaling,
    VectorScaling,
    fit_scaling,
)
from affectkit.calibration.temperature_scaling import is_limit

if TYPE_CHECKING:
    from tests.conftest import RunRanks

CLASSES = 3


def rows(number: int = 400) -> tuple[Tensor, Tensor]:
    """Logits that are 2.5 times too large for labels drawn from them."""
    generator = torch.Generator().manual_seed(3)
    honest = torch.randn(number, CLASSES, generator=generator, dtype=torch.float64)
    label = torch.multinomial(honest.softmax(-1), 1, generator=generator).squeeze(1)
    label[::10] = -100
    return 2.5 * honest, label


def test_the_temperature_is_the_best_of_a_fine_grid() -> None:
    logits, label = rows()
    scaling = TemperatureScaling()
    fit = fit_scaling(scaling, logits, label)
    grid = torch.linspace(0.5, 6, 5501, dtype=torch.float64)
    known = label != -100
    losses = [F.cross_entropy(logits[known] / value, label[known]).item() for value in grid]
    best = min(range(len(grid)), key=losses.__getitem__)
    assert scaling.temperature == pytest.approx(grid[best].item(), abs=2e-3)
    assert fit.after == pytest.approx(losses[best], abs=1e-6)
    assert fit.before == pytest.approx(F.cross_entropy(logits[known], label[known]).item())
    assert fit.rows == 360
    assert 2 < scaling.temperature < 3.2  # what the rows were made with, within its sampling error


def test_factors_and_shifts_are_those_of_another_optimiser() -> None:
    logits, label = rows()
    logits = logits + torch.tensor([1.5, 0.0, -1.0], dtype=torch.float64)
    known = label != -100

    numbers = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    peer = torch.tensor(torch.inf)
    adam = torch.optim.Adam([numbers], lr=0.03)
    for _ in range(1500):
        adam.zero_grad()
        peer = F.cross_entropy(logits[known] * numbers[:3].exp() + numbers[3:], label[known])
        torch.autograd.backward(peer)
        adam.step()
    scaling = VectorScaling(CLASSES)
    fit = fit_scaling(scaling, logits, label)
    assert fit.after == pytest.approx(peer.item(), abs=1e-6)
    one = TemperatureScaling()
    assert fit.after < fit_scaling(one, logits, label).after


def test_answers_stay_under_a_temperature() -> None:
    logits, label = rows()
    scaling = TemperatureScaling()
    fit_scaling(scaling, logits, label)
    assert torch.equal(scaling(logits).argmax(-1), logits.argmax(-1))


def test_fitting_begins_anew_each_time() -> None:
    logits, label = rows()
    once, again = TemperatureScaling(), TemperatureScaling()
    fit_scaling(once, logits, label)
    fit_scaling(again, 7 * logits, label)
    fit_scaling(again, logits, label)
    assert again.temperature == once.temperature


def on_a_rank(shares: list[int]) -> list[float]:
    logits, label = rows()
    start = sum(shares[: distributed.rank()])
    mine = slice(start, start + shares[distributed.rank()])
    scaling = VectorScaling(CLASSES)
    fit = fit_scaling(scaling, logits[mine], label[mine])
    found: list[float] = torch.cat([scaling.log_factor.detach(), scaling.shift.detach()]).tolist()
    return [*found, float(fit.rows), fit.after]


@pytest.mark.distributed
@pytest.mark.parametrize("shares", [[200, 200], [400, 0]], ids=str)
def test_ranks_find_what_one_process_finds(run_ranks: RunRanks, shares: list[int]) -> None:
    logits, label = rows()
    scaling = VectorScaling(CLASSES)
    fit = fit_scaling(scaling, logits, label)
    alone = [*scaling.log_factor.tolist(), *scaling.shift.tolist(), float(fit.rows), fit.after]
    assert run_ranks(on_a_rank, shares) == [pytest.approx(alone, abs=1e-6)] * 2


@pytest.mark.parametrize("right", [True, False])
def test_rows_without_a_minimum_end_at_the_bound(right: bool) -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    label = torch.tensor([0, 1] if right else [1, 0])
    scaling = TemperatureScaling()
    fit = fit_scaling(scaling, logits, label)
    assert fit.after <= fit.before
    assert 0.0499 <= scaling.temperature <= 20.001
    assert bool(scaling(logits).isfinite().all())
    assert is_limit(scaling.temperature) and not is_limit(1.7)


def test_rows_that_do_not_determine_it_are_refused() -> None:
    logits, label = rows()
    cases: list[tuple[LogitScaling, Tensor, Tensor, str]] = [
        (TemperatureScaling(), logits, torch.full_like(label, -100), "no labelled row"),
        (VectorScaling(CLASSES), logits, label.where(label != 2, 0), r"classes \[2\] have no validation row"),
        (TemperatureScaling(), logits.where(logits < 9, torch.inf) * torch.inf, label, "not finite"),
        (TemperatureScaling(), logits[:, :2], label, r"got labels 0\.\.2 for 2 classes"),
    ]
    for scaling, given, truth, message in cases:
        before = [parameter.clone() for parameter in scaling.parameters()]
        with pytest.raises(CalibrationFitError, match=message):
            fit_scaling(scaling, given, truth)
        assert all(torch.equal(*pair) for pair in zip(before, scaling.parameters(), strict=True))
    with pytest.raises(ValueError, match=r"give \(N, C\) and \(N,\)"):
        fit_scaling(TemperatureScaling(), logits.unsqueeze(0), label)
    with pytest.raises(ValueError, match="of 4 classes got logits"):
        VectorScaling(4)(logits)

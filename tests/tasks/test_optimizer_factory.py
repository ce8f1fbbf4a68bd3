from __future__ import annotations

import math

import pytest
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from affectkit.tasks import AdamWFactory


def _rates(factory: AdamWFactory, steps: int) -> list[float]:
    optimizer, schedule = factory(nn.Linear(2, 2).parameters(), total_steps=steps)
    assert isinstance(schedule, LRScheduler)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return rates


def test_cosine_after_warmup() -> None:
    rates = _rates(AdamWFactory(lr=2.0, schedule="cosine", warmup=0.2), 10)
    expected = [2.0 / 3, 4.0 / 3] + [1 + math.cos(math.pi * step / 8) for step in range(8)]
    assert rates == pytest.approx(expected)


def test_linear_ends_at_nothing() -> None:
    assert _rates(AdamWFactory(lr=1.0, schedule="linear"), 4) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_constant_after_warmup() -> None:
    assert _rates(AdamWFactory(lr=1.0, warmup=0.5), 4) == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])


def test_decay_on_matrices_only_and_frozen_parameters_left_out() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1))
    model[2].requires_grad_(False)
    optimizer, schedule = AdamWFactory(weight_decay=0.1)(model.parameters(), total_steps=0)
    assert schedule is None
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert [decays[id(parameter)] for parameter in trained] == [0.1, 0.0, 0.0, 0.0]
    assert len(decays) == len(trained)


@pytest.mark.parametrize(
    "options", [{"lr": 0.0}, {"weight_decay": -1.0}, {"warmup": 1.0}, {"schedule": "step"}]
)
def test_wrong_values_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="AdamWFactory got"):
        AdamWFactory(**options)  # type: ignore[arg-type]

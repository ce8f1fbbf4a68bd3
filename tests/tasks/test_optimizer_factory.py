from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from affectkit.tasks import AdamWFactory, RateSchedule, SGDFactory, parameter_groups
from affectkit.tasks.named_optimizer import named_optimizer


def _rates(factory: AdamWFactory | SGDFactory, steps: int) -> list[float]:
    optimizer, schedule = factory(nn.Linear(2, 2).named_parameters(), total_steps=steps)
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
    optimizer, schedule = AdamWFactory(weight_decay=0.1)(model.named_parameters(), total_steps=0)
    assert schedule is None
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert [decays[id(parameter)] for parameter in trained] == [0.1, 0.0, 0.0, 0.0]
    assert len(decays) == len(trained)


def test_steps_fall_at_their_milestones() -> None:
    factory = SGDFactory(lr=1.0, schedule="step", milestones=(0.5, 0.75))
    assert _rates(factory, 8) == pytest.approx([1.0] * 4 + [0.1] * 2 + [0.01] * 2)


def test_constant_warmup_then_cosine() -> None:
    factory = SGDFactory(lr=0.002, schedule="cosine", warmup=0.25, warmup_factor=0.005)
    expected = [1e-5, 1e-5] + [0.001 * (1 + math.cos(math.pi * step / 6)) for step in range(6)]
    assert _rates(factory, 8) == pytest.approx(expected)


def test_rates_by_name_first_pattern_wins() -> None:
    model = nn.ModuleDict({"tower": nn.Linear(2, 2), "prompt": nn.Linear(2, 2)})
    model["tower"].bias.requires_grad_(False)
    groups = parameter_groups(
        model.named_parameters(), lr=1.0, weight_decay=0.1, rates={"tower": 0.5, "weight": 0.25}
    )
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {named[id(p)]: (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert found == {"tower.weight": (0.5, 0.1), "prompt.weight": (0.25, 0.1), "prompt.bias": (1.0, 0.0)}


def test_sgd_decays_vectors_too_and_moves_each_group_by_its_rate() -> None:
    layer = nn.Linear(1, 1)
    nn.init.ones_(layer.weight)
    nn.init.ones_(layer.bias)
    factory = SGDFactory(lr=0.1, momentum=0.0, weight_decay=0.5, schedule="constant", rates={"bias": 0.2})
    optimizer, _ = factory(layer.named_parameters(), total_steps=0)
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert layer.weight.item() == pytest.approx(1 - 0.1 * 0.5)
    assert layer.bias.item() == pytest.approx(1 - 0.2 * 0.5)


def test_a_pattern_without_a_parameter_is_named() -> None:
    with pytest.raises(ValueError, match="'visual' fits no trained parameter"):
        parameter_groups(nn.Linear(2, 2).named_parameters(), lr=1.0, weight_decay=0.0, rates={"visual": 0.1})


def test_nothing_to_train_is_refused() -> None:
    frozen = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(ValueError, match="No parameter is trained"):
        AdamWFactory()(frozen.named_parameters(), total_steps=0)


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"weight_decay": -1.0}, {"rates": {"bias": 0.0}}])
@pytest.mark.parametrize("factory", [AdamWFactory, SGDFactory])
def test_wrong_values_are_refused(
    factory: type[AdamWFactory] | type[SGDFactory], options: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=f"{factory.__name__} got"):
        factory(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"warmup": 1.0}, {"schedule": "exponential"}, {"milestones": (0.7, 0.5)}, {"warmup_factor": 0.0}],
)
def test_wrong_schedules_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="RateSchedule got"):
        RateSchedule(**options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="RateSchedule got"):
        SGDFactory(**options)  # type: ignore[arg-type]


def test_sgd_looks_ahead_and_falls_by_its_own_share() -> None:
    layer = nn.Linear(1, 1, bias=False)
    given = torch.nn.Parameter(layer.weight.detach().clone())
    make = SGDFactory(lr=0.1, weight_decay=0.0, schedule="step", milestones=(0.5,), decay=0.9, nesterov=True)
    optimizer, schedule = make(layer.named_parameters(), total_steps=4)
    assert schedule is not None
    other = torch.optim.SGD([given], lr=0.1, momentum=0.9, nesterov=True)
    for step in range(4):
        other.param_groups[0]["lr"] = 0.1 if step < 2 else 0.09
        for parameter, one in ((layer.weight, optimizer), (given, other)):
            parameter.grad = (parameter - 3.0).detach()
            one.step()
        schedule.step()
        assert torch.equal(layer.weight, given)
    with pytest.raises(ValueError, match="nesterov=True with momentum=0"):
        SGDFactory(momentum=0.0, nesterov=True)


def test_adamw_has_neither_nesterov_nor_another_decay() -> None:
    options: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.0, "schedule": "step", "warmup": 0.0}
    options |= {"warmup_factor": None, "milestones": (0.5,), "rates": {}}
    for wrong in ({"nesterov": True}, {"decay": 0.9}):
        with pytest.raises(ValueError, match="which it does not have: use optimizer 'sgd'"):
            named_optimizer("adamw", **options, **wrong)
    sgd = named_optimizer("sgd", **options, nesterov=True, decay=0.9)
    assert isinstance(sgd, SGDFactory) and sgd.nesterov and sgd.decay == 0.9

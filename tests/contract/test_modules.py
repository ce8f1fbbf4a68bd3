"""What every module of the library keeps, whatever its kind."""

from __future__ import annotations

import copy
import importlib
import io
import pickle

import pytest
import torch
from module_cases import CASES
from module_runs import Case, Leaves
from torch import Tensor, nn

from affectkit.catalog import COMPONENTS, Component

KINDS = ("encoder", "fusion", "context", "head", "loss", "teacher", "temporal")

FLAT = [
    pytest.param(case, id=f"{name}-{index}")
    for name, cases in CASES.items()
    for index, case in enumerate(cases)
]


def build(case: Case) -> nn.Module:
    torch.manual_seed(0)
    return case.build().eval()


def total(result: Leaves) -> Tensor:
    """A number that every floating part of a result moves, parts that are zero included."""
    moved = [(part.float() + 1).square().sum() for part in result.values() if part.requires_grad]
    # what has no parameters has no graph here; adding a leaf lets the same tests run
    return torch.stack([*moved, torch.zeros((), requires_grad=True)]).sum()


def is_module(row: Component) -> bool:
    """Whether a row is a network: of graphs, some are, and the others are what networks run over."""
    room, _, name = row.path.rpartition(".")
    found: object = getattr(importlib.import_module(room), name)
    return isinstance(found, type) and issubclass(found, nn.Module)


def test_every_module_of_the_catalogue_has_a_case() -> None:
    graphs = {row.name for row in COMPONENTS if row.kind == "graph" and is_module(row)}
    assert graphs == {"HypergraphEncoder", "LabelGraphNetwork"}
    assert set(CASES) == graphs | {row.name for row in COMPONENTS if row.kind in KINDS}


@pytest.mark.parametrize("case", FLAT)
@pytest.mark.parametrize("batch", [1, 3])
def test_shapes_dtypes_and_repeatability(case: Case, batch: int) -> None:
    module = build(case)
    first, second = case.run(module, batch), case.run(module, batch)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name])
        if value.is_floating_point():
            assert value.dtype == torch.float32 and bool(value.isfinite().all())


@pytest.mark.parametrize("case", FLAT)
def test_every_parameter_has_a_finite_gradient(case: Case) -> None:
    module = build(case)
    torch.autograd.backward(total(case.run(module, 3)))
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue  # what an adapter leaves as it was
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()) and bool(parameter.grad.any()), name


@pytest.mark.parametrize("case", FLAT)
def test_the_state_dict_is_the_whole_state(case: Case) -> None:
    module = build(case)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    other = case.build().eval()
    other.load_state_dict(torch.load(buffer, weights_only=True))
    expected = case.run(module, 3)
    for name, value in case.run(other, 3).items():
        assert torch.equal(value, expected[name])


@pytest.mark.parametrize("case", FLAT)
def test_copies_are_equal_and_independent(case: Case) -> None:
    module = build(case)
    # All without gradient: attention of torch then has a way of its own, which rounds differently.
    with torch.no_grad():
        expected = case.run(module, 3)
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            result = case.run(twin, 3)
            for parameter in twin.parameters():
                parameter.add_(1.0)
            for name, value in result.items():
                assert torch.equal(value, expected[name])
        for name, value in case.run(module, 3).items():
            assert torch.equal(value, expected[name])


@pytest.mark.parametrize("case", FLAT)
def test_bfloat16_autocast_stays_near(case: Case) -> None:
    module = build(case)
    expected = case.run(module, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = case.run(module, 3)
        loss = total(result)
    torch.autograd.backward(loss)
    for name, value in result.items():
        torch.testing.assert_close(value.float(), expected[name].float(), rtol=0.05, atol=0.05)
    for parameter in module.parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and bool(parameter.grad.isfinite().all())

"""The towers against their formula, and what losses read of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.heads import MultiIndicatorHead
from affectkit.losses import ClassificationLoss, MSELoss, WeightedSum
from affectkit.types import AffectOutput, Encoding, Target

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def head(*, main: str | None = None) -> MultiIndicatorHead:
    torch.manual_seed(0)
    return MultiIndicatorHead(6, {"emotion": 3, "emr": 1}, main=main, hidden_dim=5, ffn_dim=7).double().eval()


def layer_norm(row: list[float], weight: list[float], bias: list[float]) -> list[float]:
    mean = sum(row) / len(row)
    variance = sum((value - mean) ** 2 for value in row) / len(row)
    return [(value - mean) / math.sqrt(variance + 1e-5) * w + b for value, w, b in zip(row, weight, bias)]


def gelu(value: float) -> float:
    return value * 0.5 * (1 + math.erf(value / math.sqrt(2)))


def affine(state: dict[str, Tensor], name: str, row: list[float]) -> list[float]:
    weight, bias = state[f"{name}.weight"].tolist(), state[f"{name}.bias"].tolist()
    return [sum(w * x for w, x in zip(line, row)) + b for line, b in zip(weight, bias)]


def naive(state: dict[str, Tensor], name: str, row: list[float]) -> list[float]:
    tower = f"towers.{name}"
    start = affine(state, f"{tower}.first", [1 / (1 + math.exp(-x)) for x in row])
    norm = {key: state[f"{tower}.{key}"].tolist() for key in ("norm.weight", "norm.bias")}
    normed = layer_norm(start, norm["norm.weight"], norm["norm.bias"])
    inner = affine(state, f"{tower}.down", [gelu(x) for x in affine(state, f"{tower}.up", normed)])
    second = {key: state[f"{tower}.inner_norm.{key}"].tolist() for key in ("weight", "bias")}
    inner = [gelu(x) for x in layer_norm(inner, second["weight"], second["bias"])]
    y = [0.5 * (n + i) for n, i in zip(normed, inner)]
    return affine(state, f"outputs.{name}", [0.5 * (a + b) for a, b in zip(y, start)])


def test_the_towers_equal_their_formula() -> None:
    module = head()
    # Normalisations that do nothing would hide where they stand.
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "norm" in name:
                parameter.copy_(torch.randn_like(parameter))
    output = module(Encoding(X))
    state = {name: value.detach() for name, value in module.state_dict().items()}
    assert output.extra is not None and output.logits is None and output.dims is None
    for name in ("emotion", "emr"):
        for row in range(4):
            expected = naive(state, name, X[row].tolist())
            assert output.extra[name][row].tolist() == pytest.approx(expected, rel=1e-9)


def test_the_main_indicator_is_the_result_too() -> None:
    classes, number = head(main="emotion")(Encoding(X)), head(main="emr")(Encoding(X))
    assert classes.extra is not None and number.extra is not None
    assert classes.logits is not None and torch.equal(classes.logits, classes.extra["emotion"])
    assert number.dims is not None and torch.equal(number.dims, number.extra["emr"])
    assert classes.dims is None and number.logits is None


def test_losses_read_classes_and_numbers_by_name() -> None:
    module = head()
    output: AffectOutput = module(Encoding(X))
    loss = WeightedSum({"emotion": ClassificationLoss(3, head="emotion"), "emr": MSELoss(head="emr")})
    target = Target(
        extra={
            "emotion": torch.tensor([0, 2, -100, 1]),
            "emr": torch.tensor([[0.5], [torch.nan], [0.25], [1.0]], dtype=torch.float64),
        },
        weight=torch.tensor([1.0, 1.0, 1.0, 0.0]),
    )
    terms = loss(output, target)
    assert float(terms.weight) == 3
    torch.autograd.backward(terms.total)
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_the_order_of_the_names_does_not_change_the_start() -> None:
    torch.manual_seed(3)
    one = MultiIndicatorHead(6, {"a": 2, "b": 3}, ffn_dim=4).state_dict()
    torch.manual_seed(3)
    two = MultiIndicatorHead(6, {"b": 3, "a": 2}, ffn_dim=4).state_dict()
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_refusals() -> None:
    with pytest.raises(ValueError, match="at least one indicator"):
        MultiIndicatorHead(6, {})
    with pytest.raises(ValueError, match="main='gaze', which is none of emotion, emr"):
        head(main="gaze")
    with pytest.raises(ValueError, match="features of width 5"):
        head()(Encoding(X[:, :5]))

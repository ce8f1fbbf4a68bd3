"""A linear layer with low-rank updates, against its formula."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectkit.adapters.lora_linear import LoRALinear
from affectkit.adapters.low_rank_update import LoRAScaling

GOLDEN = Path(__file__).parents[1] / "golden" / "clip_lora_linear.npz"
X = torch.randn(4, 3, 6, generator=torch.Generator().manual_seed(0))


def filled(layer: LoRALinear) -> LoRALinear:
    """The layer with B away from zero, as after training."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.endswith("lora_b"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return layer.eval()


def layer_of(
    rank: int = 2, parts: int = 1, adapted: tuple[int, ...] = (0,), dropout: float = 0.0
) -> LoRALinear:
    torch.manual_seed(0)
    return LoRALinear(nn.Linear(6, 9), rank=rank, alpha=3.0, parts=parts, adapted=adapted, dropout=dropout)


@pytest.mark.golden
@pytest.mark.parametrize(("scaling", "expected"), [("rslora", "out_eval"), ("lora", "out_peft_scaling")])
def test_golden_of_both_scalings(scaling: LoRAScaling, expected: str) -> None:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        stored = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    linear = nn.Linear(6, 5)
    linear.load_state_dict({"weight": stored["weight"], "bias": stored["bias"]})
    layer = LoRALinear(linear, rank=2, alpha=1.0, scaling=scaling).eval()
    layer.load_state_dict(
        {"updates.0.lora_a": stored["lora_A"], "updates.0.lora_b": stored["lora_B"]}, strict=False
    )
    torch.testing.assert_close(layer(stored["x"]), stored[expected], rtol=1e-5, atol=1e-6)
    layer.merge()
    torch.testing.assert_close(layer(stored["x"]), stored[expected], rtol=1e-5, atol=1e-6)


def test_nothing_changes_while_b_is_zero() -> None:
    layer = layer_of(parts=3, adapted=(0, 2), dropout=0.5)
    expected: Tensor = layer.linear(X)
    assert torch.equal(layer(X), expected)


@pytest.mark.parametrize("adapted", [(0,), (1,), (0, 2), (0, 1, 2)])
def test_each_block_of_rows_has_its_own_update(adapted: tuple[int, ...]) -> None:
    layer = filled(layer_of(parts=3, adapted=adapted))
    weight = layer.linear.weight.detach().clone()
    for part in adapted:
        update = layer.update_of(part)
        assert update is not None
        weight[3 * part : 3 * part + 3] += 3.0 / 2 * update.lora_b @ update.lora_a
    expected = X @ weight.T + layer.linear.bias
    torch.testing.assert_close(layer(X), expected)
    parts = [layer.project(X, part) for part in range(3)]
    torch.testing.assert_close(torch.cat(parts, dim=-1), expected)
    layer.merge()
    torch.testing.assert_close(layer(X), expected)
    torch.testing.assert_close(torch.cat([layer.project(X, part) for part in range(3)], dim=-1), expected)


def test_merging_does_not_touch_what_is_saved() -> None:
    layer = filled(layer_of())
    before: Tensor = layer(X)
    state = copy.deepcopy(layer.state_dict())
    layer.merge()
    assert state.keys() == layer.state_dict().keys()
    for name, value in layer.state_dict().items():
        assert torch.equal(value, state[name])
    layer.unmerge()
    assert torch.equal(layer(X), before)


def test_training_and_loading_unmerge() -> None:
    layer = filled(layer_of())
    layer.merge()
    other = layer_of()
    layer.load_state_dict(other.state_dict())
    assert torch.equal(layer(X), other.eval()(X))
    layer.merge()
    assert layer.train() is layer and layer.merged_weight is None
    torch.autograd.backward(layer(X).square().sum())
    update = layer.update_of(0)
    assert update is not None and update.lora_b.grad is not None and bool(update.lora_b.grad.any())
    assert layer.linear.weight.grad is None
    with pytest.raises(RuntimeError, match=r"call eval\(\) first"):
        layer.merge()


def test_dropout_acts_on_the_update_alone() -> None:
    layer = filled(layer_of(dropout=0.5))
    expected: Tensor = layer(X)
    layer.train()
    torch.manual_seed(3)
    mean = torch.stack([layer(X) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean, expected, rtol=0.1, atol=0.35)
    assert not torch.equal(layer(X), layer(X))
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.endswith("lora_b"):
                parameter.zero_()
    plain: Tensor = layer.linear(X)
    assert torch.equal(layer(X), plain)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"rank=7.*\[1, 6\]"):
        layer_of(rank=7)
    with pytest.raises(ValueError, match="parts=2 for a layer of 9"):
        layer_of(parts=2)
    with pytest.raises(ValueError, match=r"adapted=\(3,\)"):
        layer_of(parts=3, adapted=(3,))
    with pytest.raises(ValueError, match=r"dropout=1\.0"):
        layer_of(dropout=1.0)
    with pytest.raises(ValueError, match="alpha / sqrt r"):
        LoRALinear(nn.Linear(6, 6), rank=2, scaling="peft")  # type: ignore[arg-type]

"""LoRA attention against torch's own."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from affectkit.adapters.lora_attention import LoRAMultiheadAttention, Projection

NAMES: tuple[Projection, ...] = ("q", "k", "v", "out")
CHOICES = [choice for size in (1, 2, 3, 4) for choice in combinations(NAMES, size)]
X = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
CAUSAL = torch.ones(5, 5, dtype=torch.bool).triu(1)


def plain(*, batch_first: bool = True, bias: bool = True) -> nn.MultiheadAttention:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=batch_first, bias=bias)
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.4)  # biases are zero at the start
    return attention.eval()


def adapt(
    attention: nn.MultiheadAttention, targets: tuple[Projection, ...] = NAMES
) -> LoRAMultiheadAttention:
    return LoRAMultiheadAttention(attention, targets=targets, rank=2, alpha=3.0, scaling="rslora").eval()


def fill(module: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("lora_b"):
                nn.init.normal_(parameter, std=0.5)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_torch_while_b_is_zero(batch_first: bool, bias: bool) -> None:
    attention = plain(batch_first=batch_first, bias=bias)
    adapted = adapt(attention)
    torch.testing.assert_close(
        adapted(X, X, X)[0], attention(X, X, X, need_weights=False)[0], rtol=1e-6, atol=1e-6
    )
    other = X.flip(-1) * 2
    torch.testing.assert_close(
        adapted(X, other, X)[0], attention(X, other, X, need_weights=False)[0], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["bool", "float", "per head"])
@pytest.mark.parametrize("padded", [True, False])
def test_masks_mean_what_they_mean_in_torch(kind: str, padded: bool) -> None:
    attention = plain()
    adapted = adapt(attention)
    mask = {
        "bool": CAUSAL,
        "float": torch.zeros(5, 5).masked_fill(CAUSAL, float("-inf")) + 0.3,
        "per head": torch.randn(6, 5, 5, generator=torch.Generator().manual_seed(2)),
    }[kind]
    padding: Tensor | None = None
    if padded:
        padding = torch.tensor([[False] * 5, [False] * 4 + [True], [False, False, True, True, True]])
        if mask.dtype != torch.bool:
            padding = torch.zeros(3, 5).masked_fill(padding, float("-inf"))
    expected = attention(X, X, X, attn_mask=mask, key_padding_mask=padding, need_weights=False)[0]
    result = adapted(X, X, X, attn_mask=mask, key_padding_mask=padding)[0]
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("targets", CHOICES, ids="+".join)
def test_updates_equal_changed_weights(targets: tuple[Projection, ...]) -> None:
    adapted = adapt(plain(), targets)
    fill(adapted)
    changed = plain()
    scale = 3.0 / 2**0.5
    state = adapted.state_dict()
    with torch.no_grad():
        for part, name in enumerate(NAMES):
            if name not in targets:
                continue
            prefix = "out_proj.updates.0" if name == "out" else f"in_proj.updates.{part}"
            delta = scale * state[f"{prefix}.lora_b"] @ state[f"{prefix}.lora_a"]
            if name == "out":
                changed.out_proj.weight += delta
            else:
                changed.in_proj_weight[8 * part : 8 * part + 8] += delta
    assert sum(name.endswith("lora_b") for name in state) == len(targets)
    for key in (X, X.flip(-1)):
        expected = changed(X, key, X, attn_mask=CAUSAL, need_weights=False)[0]
        torch.testing.assert_close(adapted(X, key, X, attn_mask=CAUSAL)[0], expected, rtol=1e-5, atol=1e-5)


def test_only_the_updates_learn_and_the_weights_are_not_copied() -> None:
    attention = plain()
    adapted = adapt(attention, ("q", "v"))
    names = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert names == {f"in_proj.updates.{part}.lora_{side}" for part in (0, 2) for side in "ab"}
    assert any(parameter is attention.in_proj_weight for parameter in adapted.parameters())


def test_attention_dropout_is_kept() -> None:
    attention = plain()
    attention.dropout = 0.5
    adapted = adapt(attention).train()
    torch.manual_seed(0)
    assert not torch.equal(adapted(X, X, X)[0], adapted(X, X, X)[0])
    adapted.eval()
    assert torch.equal(adapted(X, X, X)[0], adapted(X, X, X)[0])


def test_refusals() -> None:
    with pytest.raises(ValueError, match="LoRALinear"):
        LoRAMultiheadAttention(nn.MultiheadAttention(8, 2, kdim=6))
    with pytest.raises(ValueError, match="LoRALinear"):
        LoRAMultiheadAttention(nn.MultiheadAttention(8, 2, add_bias_kv=True))
    with pytest.raises(ValueError, match="need_weights=False"):
        adapt(plain())(X, X, X, need_weights=True)

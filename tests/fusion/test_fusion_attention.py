from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.fusion import FusionAttention
from affectkit.types import Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "m2fnet_fusion_attention.npz"
WIDTHS = {"text": 5, "audio": 3, "visual": 4}


def conversation(seed: int = 0) -> tuple[dict[str, Encoding], dict[str, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    parts = {
        name: Encoding(torch.randn(2, 6, width, generator=generator), mask=mask)
        for name, width in WIDTHS.items()
    }
    present = {name: (torch.rand(2, 6, generator=generator) < 0.6) & mask for name in WIDTHS}
    return parts, present, mask


@pytest.mark.golden
def test_one_layer_equals_the_stored_one() -> None:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    fusion = FusionAttention({"text": 8, "audio": 8}, 8, num_heads=2, context="both")
    layer = fusion.layers[0]
    old = "w.multihead_attention."
    state = {
        f"attentions.0.attention.{name.removeprefix(old)}": value
        for name, value in golden.items()
        if name.startswith(old)
    }
    layer.load_state_dict(
        state | {"linear.weight": golden["w.linear.weight"], "linear.bias": golden["w.linear.bias"]}
    )
    allowed = ~golden["key_padding_mask"].unsqueeze(1).expand(-1, 5, -1)
    result: Tensor = layer(golden["text"], [golden["audio"]], [allowed])
    torch.testing.assert_close(result, golden["out"])


def one_attention(
    weights: Mapping[str, Tensor], prefix: str, query: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """Two heads of attention of one query (D,) over keys (K, D), written out."""
    width, half = query.shape[0], query.shape[0] // 2
    w, b = weights[f"{prefix}.in_proj_weight"], weights[f"{prefix}.in_proj_bias"]
    q = w[:width] @ query + b[:width]
    k = keys @ w[width : 2 * width].T + b[width : 2 * width]
    v = values @ w[2 * width :].T + b[2 * width :]
    heads = []
    for head in range(2):
        part = slice(head * half, (head + 1) * half)
        heads.append(torch.softmax(k[:, part] @ q[part] / half**0.5, 0) @ v[:, part])
    return weights[f"{prefix}.out_proj.weight"] @ torch.cat(heads) + weights[f"{prefix}.out_proj.bias"]


@pytest.mark.parametrize("value_from", ["query", "key"])
@pytest.mark.parametrize("context", ["past", "both"])
def test_it_equals_a_loop_over_utterances(
    value_from: Literal["query", "key"], context: Literal["past", "both"]
) -> None:
    torch.manual_seed(0)
    fusion = FusionAttention(
        WIDTHS, 4, num_heads=2, num_layers=2, value_from=value_from, context=context
    ).double()
    with torch.no_grad():
        for absent in fusion.absent:
            absent.normal_()
    parts, present, mask = conversation()
    parts = {name: part._replace(pooled=part.pooled.double()) for name, part in parts.items()}
    result = fusion(parts, present).pooled
    weights = dict(fusion.named_parameters())
    names = ["audio", "text", "visual"]
    for row in range(2):
        count = int(mask[row].sum())
        states = {
            name: torch.stack(
                [
                    fusion.projections[place](parts[name].pooled[row, turn])
                    if bool(present[name][row, turn])
                    else fusion.absent[place]
                    for turn in range(count)
                ]
            )
            for place, name in enumerate(names)
        }
        trunk = states["text"]
        for layer in range(2):
            turned = []
            for turn in range(count):
                steered = []
                for number, name in enumerate(("audio", "visual")):
                    keys = [
                        other
                        for other in range(turn + 1 if context == "past" else count)
                        if bool(present[name][row, other])
                        and (value_from == "key" or bool(present["text"][row, other]))
                    ]
                    source = trunk if value_from == "query" else states[name]
                    steered.append(
                        one_attention(
                            weights,
                            f"layers.{layer}.attentions.{number}.attention",
                            trunk[turn],
                            states[name][keys],
                            source[keys],
                        )
                        if keys
                        else torch.zeros(4, dtype=torch.float64)
                    )
                joined = F.relu(torch.cat([*steered, trunk[turn]]))
                turned.append(F.relu(fusion.layers[layer].linear(joined)))  # type: ignore[operator]
            trunk = torch.stack(turned)
        expected = torch.cat([states["audio"], states["visual"], trunk], dim=-1)
        torch.testing.assert_close(result[row, :count], expected)


def test_padding_and_the_future_have_no_influence() -> None:
    torch.manual_seed(0)
    fusion = FusionAttention(WIDTHS, 4, num_heads=2, context="both")
    parts, present, mask = conversation()
    before = fusion(parts, present).pooled
    spoiled = {
        name: Encoding(
            torch.where(mask.unsqueeze(-1), part.pooled, torch.nan).requires_grad_(), mask=part.mask
        )
        for name, part in parts.items()
    }
    # Even where the flags say that padding is there.
    after = fusion(spoiled, {name: flag | ~mask for name, flag in present.items()}).pooled
    torch.testing.assert_close(after[mask], before[mask])
    torch.autograd.backward(after[mask].sum())
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in fusion.parameters())

    past = FusionAttention(WIDTHS, 4, num_heads=2, context="past")
    other = {
        name: part._replace(pooled=part.pooled + (torch.arange(6) > 2).unsqueeze(-1))
        for name, part in parts.items()
    }
    first, second = past(parts).pooled, past(other).pooled
    torch.testing.assert_close(first[:, :3], second[:, :3])
    assert not torch.allclose(first[:, 3:], second[:, 3:])
    whole = FusionAttention(WIDTHS, 4, num_heads=2, context="both")
    assert not torch.allclose(whole(parts).pooled[:, :3], whole(other).pooled[:, :3])


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="trunk='smell', which is none of its modalities: name one of audio"):
        FusionAttention(WIDTHS, 4, trunk="smell")
    with pytest.raises(ValueError, match="value_from='both': give 'query' or 'key'"):
        FusionAttention(WIDTHS, 4, value_from="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="context='future'"):
        FusionAttention(WIDTHS, 4, context="future")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a width of 5 for num_heads=2"):
        FusionAttention(WIDTHS, 5, num_heads=2)
    with pytest.raises(ValueError, match="num_layers=0"):
        FusionAttention(WIDTHS, 4, num_layers=0)

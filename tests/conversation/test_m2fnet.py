from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectkit.conversation import M2FNet, ResidualTransformerStack
from affectkit.conversation.turn_layer import TurnLayer
from affectkit.types import Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "m2fnet_fusion_attention.npz"
WIDTHS = {"text": 6, "audio": 4, "visual": 2}


def build(**options: object) -> M2FNet:
    torch.manual_seed(0)
    model = M2FNet(WIDTHS, 4, num_heads=2, num_encoders=2, num_fusion_layers=2, **options)  # type: ignore[arg-type]
    return model.eval()


def test_a_stack_adds_what_each_encoder_says() -> None:
    torch.manual_seed(0)
    stack = ResidualTransformerStack(6, num_encoders=3, num_heads=2, context="both").eval()
    x = torch.randn(2, 5, 6)
    expected = x
    for encoder, norm in zip(stack.encoders, stack.norms):
        assert isinstance(encoder, TurnLayer)
        layer = nn.TransformerEncoderLayer(6, 2, 24, dropout=0.0, batch_first=True)
        state = encoder.state_dict()
        layer.load_state_dict(
            {
                f"{theirs}{kind}": state[f"{ours}.{kind}"]
                for theirs, ours in {
                    "self_attn.in_proj_": "in_projection",
                    "self_attn.out_proj.": "out_projection",
                    "linear1.": "widen",
                    "linear2.": "narrow",
                    "norm1.": "attention_norm",
                    "norm2.": "feedforward_norm",
                }.items()
                for kind in ("weight", "bias")
            }
        )
        published = nn.TransformerEncoder(layer, 1, norm=None, enable_nested_tensor=False).train()
        inner: Tensor = published(expected)
        added: Tensor = norm(inner)
        expected = expected + added
    torch.testing.assert_close(stack(Encoding(x)).pooled, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.golden
def test_the_fusion_is_that_of_the_stored_numbers() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    model = M2FNet(
        {"text": 8, "audio": 8}, 8, num_heads=2, num_encoders=1, num_fusion_layers=1, context="both"
    ).eval()
    names = {
        "fusion.layers.0.attentions.0.attention.": "w.multihead_attention.",
        "fusion.layers.0.linear.": "w.linear.",
    }
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            for ours, theirs in names.items():
                if name.startswith(ours):
                    parameter.copy_(arrays[theirs + name.removeprefix(ours)])
            if name.startswith("fusion.projections") and name.endswith("weight"):
                parameter.copy_(torch.eye(8))
            elif name.startswith("fusion.projections"):
                parameter.zero_()
    # The stacks let everything through where their last norms add nothing.
    for stack in model.stacks.values():
        assert isinstance(stack, ResidualTransformerStack)
        for norm in stack.norms:
            assert isinstance(norm, nn.LayerNorm)
            nn.init.zeros_(norm.weight)
            nn.init.zeros_(norm.bias)
    mask = ~arrays["key_padding_mask"]
    found = model({name: Encoding(arrays[name], mask=mask) for name in ("text", "audio")}).pooled
    reference = arrays["out"][mask]
    error = float((found[..., 8:][mask] - reference).detach().abs().max())
    assert error <= 1e-5 * float(reference.abs().max())
    torch.testing.assert_close(found[..., :8][mask], arrays["audio"][mask])


@pytest.mark.parametrize("context", ["past", "both"])
def test_padding_and_what_is_absent_have_no_influence(context: str) -> None:
    model = build(context=context, window_past=2)
    mask = torch.tensor([[True, True, False, True, True], [True, False, False, False, False]])
    generator = torch.Generator().manual_seed(3)
    present = {name: (torch.rand(2, 5, generator=generator) > 0.5) & mask for name in WIDTHS}
    plain = {name: torch.randn(2, 5, width, generator=generator) for name, width in WIDTHS.items()}
    spoiled = {
        name: value.masked_fill(~(present[name] & mask).unsqueeze(-1), float("nan"))
        for name, value in plain.items()
    }
    found = model({name: Encoding(value, mask=mask) for name, value in plain.items()}, present).pooled
    again = model({name: Encoding(value, mask=mask) for name, value in spoiled.items()}, present).pooled
    assert torch.equal(found, again) and not found[~mask].any()
    real = mask[0]
    alone = model(
        {name: Encoding(value[:1, real]) for name, value in plain.items()},
        {name: flag[:1, real] for name, flag in present.items()},
    ).pooled
    torch.testing.assert_close(alone[0], found[0, real], rtol=1e-5, atol=1e-6)


def test_any_subset_and_one_turn() -> None:
    model = build()
    for names in (["text"], ["audio"], ["visual", "audio"]):
        found = model({name: Encoding(torch.randn(1, 1, WIDTHS[name])) for name in names}).pooled
        assert found.shape == (1, 1, 12) and bool(found.isfinite().all())
    nothing = {name: torch.zeros(1, 3, dtype=torch.bool) for name in WIDTHS}
    found = model(
        {name: Encoding(torch.randn(1, 3, width)) for name, width in WIDTHS.items()}, nothing
    ).pooled
    assert bool(found.isfinite().all()) and torch.equal(found[0, 0], found[0, 1])


def test_past_only_reads_no_future_and_a_window_no_distant_past() -> None:
    text = torch.randn(1, 8, 6)
    parts = {name: torch.randn(1, 8, width) for name, width in WIDTHS.items()}

    def run(model: M2FNet, place: int | None) -> Tensor:
        given = {**parts, "text": text.clone()}
        if place is not None:
            given["text"][0, place] += 1
        found: Encoding = model({name: Encoding(value) for name, value in given.items()})
        return found.pooled[0]

    past, both = build(), build(context="both")
    torch.testing.assert_close(run(past, 5)[:5], run(past, None)[:5])
    assert bool((run(both, 5) != run(both, None)).any(-1).all())
    near = build(window_past=1)
    # Two encoders and two layers of the fusion, one turn back each.
    changed = (run(near, 0) - run(near, None)).abs().amax(-1)
    assert bool((changed[:5] > 0).all()) and not changed[5:].any()


def test_refuses_rows_that_are_no_conversations() -> None:
    with pytest.raises(ValueError, match="give conversations"):
        build()({name: Encoding(torch.zeros(2, width)) for name, width in WIDTHS.items()})
    with pytest.raises(ValueError, match="trunk='smell'"):
        build(trunk="smell")
    with pytest.raises(ValueError, match="num_encoders=0"):
        ResidualTransformerStack(4, num_encoders=0)

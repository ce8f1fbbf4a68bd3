from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.temporal import TemporalTransformer
from affectkit.types import Encoder, Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "clipcaer_temporal_cls.npz"
X = torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(0))
POOLS = ("cls", "mean", "tokens")


def build(pool: str = "cls", **options: float) -> TemporalTransformer:
    torch.manual_seed(0)
    make: Callable[..., TemporalTransformer] = TemporalTransformer
    settings: dict[str, object] = {"num_frames": 5, "heads": 2, "head_dim": 4, "hidden_dim": 9}
    return make(6, pool=pool, **{**settings, **options}).eval()


def official_name(name: str) -> str:
    """Our name of a parameter of the official module."""
    for old, new in (
        ("cls_token", "class_token"),
        ("pos_embedding", "places"),
        ("temporal_transformer.", ""),
        (".0.fn.norm", ".attention_norm"),
        (".0.fn.fn.to_qkv", ".attention.qkv"),
        (".0.fn.fn.to_out.0", ".attention.out"),
        (".1.fn.norm", ".mlp_norm"),
        (".1.fn.fn.net", ".mlp"),
    ):
        name = name.replace(old, new)
    return name


def near(value: Tensor, reference: Tensor) -> None:
    torch.testing.assert_close(value, reference, rtol=0, atol=1e-5 * float(reference.abs().max()))


@pytest.mark.golden
def test_outputs_and_gradients_are_those_of_the_official_module() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    model = TemporalTransformer(8, num_frames=4, depth=2, heads=2, head_dim=5, hidden_dim=12).eval()
    weights = {
        official_name(name.removeprefix("w/")): value
        for name, value in arrays.items()
        if name.startswith("w/")
    }
    model.load_state_dict(weights)
    x = arrays["x"].requires_grad_()
    result: Encoding = model(x)
    near(result.pooled, arrays["out"])
    short: Encoding = model(arrays["x"][:, :2])
    near(short.pooled, arrays["out_short"])
    torch.autograd.backward(result.pooled.square().sum())
    assert x.grad is not None
    near(x.grad, arrays["grad_x"])
    parameters = dict(model.named_parameters())
    seen = 0
    for name, value in arrays.items():
        if name.startswith("grad/"):
            gradient = parameters[official_name(name.removeprefix("grad/"))].grad
            assert gradient is not None
            near(gradient, value)
            seen += 1
    assert seen == len(parameters)


def naive_layer(model: TemporalTransformer, x: Tensor) -> Tensor:
    """One layer of two heads, token by token."""
    state = {name.removeprefix("layers.0."): value for name, value in model.state_dict().items()}

    def norm(row: Tensor, name: str) -> Tensor:
        centred = row - row.mean()
        scaled: Tensor = centred / (row.var(correction=0) + 1e-5).sqrt() * state[f"{name}.weight"]
        return scaled + torch.as_tensor(state[f"{name}.bias"])

    rows = [norm(row, "attention_norm") for row in x]
    parts = [state["attention.qkv.weight"] @ row for row in rows]
    mixed = []
    for query in parts:
        heads = []
        for head in range(2):
            own = slice(4 * head, 4 * head + 4)
            scores = torch.stack([query[:8][own] @ other[8:16][own] / 2 for other in parts])
            shares = torch.softmax(scores, 0)
            heads.append(sum(share * other[16:][own] for share, other in zip(shares, parts, strict=True)))
        joined = torch.cat([torch.as_tensor(head) for head in heads])
        mixed.append(state["attention.out.weight"] @ joined + state["attention.out.bias"])
    x = x + torch.stack(mixed)
    out = []
    for row in x:
        inner = state["mlp.0.weight"] @ norm(row, "mlp_norm") + state["mlp.0.bias"]
        cubic = math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)
        inner = 0.5 * inner * (1 + torch.tanh(cubic))
        out.append(row + state["mlp.3.weight"] @ inner + state["mlp.3.bias"])
    return torch.stack(out)


def test_it_equals_a_loop_over_tokens() -> None:
    model = build("cls", init_scale=1.0)
    token, places = model.class_token, model.places
    assert token is not None
    with torch.no_grad():
        expected = torch.stack([naive_layer(model, torch.cat([token[0], row]) + places[0])[0] for row in X])
        result: Encoding = model(X)
    torch.testing.assert_close(result.pooled, expected, rtol=0, atol=1e-5)
    tokens_model = build("tokens", init_scale=1.0)
    with torch.no_grad():
        rows = torch.stack([naive_layer(tokens_model, row + tokens_model.places[0]) for row in X])
        result = tokens_model(X)
    assert result.tokens is not None
    torch.testing.assert_close(result.tokens, rows, rtol=0, atol=1e-5)
    torch.testing.assert_close(result.pooled, rows.mean(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("pool", POOLS)
def test_masked_frames_count_for_nothing(pool: str) -> None:
    model = build(pool, depth=2)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [False] * 5])
    x = X.masked_fill(~mask.unsqueeze(-1), torch.nan).requires_grad_()
    result: Encoding = model(x, mask)
    whole: Encoding = model(X[:1])
    cut: Encoding = model(X[1:2, :3])
    torch.testing.assert_close(result.pooled[0], whole.pooled[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(result.pooled[1], cut.pooled[0], rtol=0, atol=1e-6)
    assert not result.pooled[2].any()
    torch.autograd.backward(result.pooled.square().sum())
    assert x.grad is not None and not x.grad[~mask].any() and bool(x.grad[mask].any(-1).all())
    for parameter in model.parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all())
    if pool == "tokens":
        assert result.tokens is not None and not result.tokens[~mask].any()


@pytest.mark.parametrize("pool", POOLS)
def test_the_order_of_frames_matters(pool: str) -> None:
    model: Encoder = build(pool, init_scale=1.0)
    assert not torch.allclose(model(X).pooled, model(X.flip(1)).pooled, atol=1e-3)


def test_the_start_of_token_and_places() -> None:
    wide, narrow = (TemporalTransformer(64, num_frames=16, init_scale=scale) for scale in (1.0, 0.02))
    assert wide.places.std().item() == pytest.approx(1.0, abs=0.1)
    assert narrow.places.std().item() == pytest.approx(0.02, abs=0.002)
    assert wide.places.shape == (1, 17, 64) and build("mean").places.shape == (1, 5, 6)


def test_refusals() -> None:
    model = build()
    with pytest.raises(ValueError, match="built for 5 frames and got clips of 7: set num_frames"):
        model(torch.zeros(1, 7, 6))
    with pytest.raises(ValueError, match=r"give \(B, T, 6\)"):
        model(torch.zeros(1, 5, 7))
    with pytest.raises(ValueError, match="one flag for each frame"):
        model(X, torch.ones(3, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="heads=0"):
        TemporalTransformer(6, heads=0)
    with pytest.raises(ValueError, match="use 'cls', 'mean' or 'tokens'"):
        build("max")

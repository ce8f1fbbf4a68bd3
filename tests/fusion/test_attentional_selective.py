from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.fusion import AttentionalSelectiveFusion
from affectkit.types import Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "vtff_asf_unofficial.npz"


def tokens(maps: Tensor) -> Encoding:
    """A map (B, C, H, W) as an encoding."""
    return Encoding(maps.mean(dim=(2, 3)), tokens=maps.flatten(2).transpose(1, 2))


def stored() -> tuple[AttentionalSelectiveFusion, dict[str, Tensor]]:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    fusion = AttentionalSelectiveFusion({"lbp": 8, "visual": 8}, reduction=4).eval()
    state = {"mixes.0.weight": golden["w/Wl.weight"], "mixes.1.weight": golden["w/Wc.weight"]}
    for gate, letter in (("global_gate", "g"), ("local_gate", "l")):
        for place, name in ((0, f"{letter}1"), (1, f"{letter}b1"), (3, f"{letter}2"), (4, f"{letter}b2")):
            norm = ".norm" if "b" in name[1:] else ""
            for key, value in golden.items():
                if key.startswith(f"w/{name}."):
                    state[f"{gate}.{place}{norm}.{key.split('.')[-1]}"] = value
    # Convolutions of one place are linear layers.
    fusion.load_state_dict(
        {key: value.flatten(1) if value.dim() == 4 else value for key, value in state.items()}
    )
    return fusion, golden


@pytest.mark.golden
def test_it_equals_the_stored_reference() -> None:
    fusion, golden = stored()
    lbp = golden["lbp"].requires_grad_()
    parts = {"visual": tokens(golden["cnn"]), "lbp": tokens(lbp)}
    fused = fusion(parts)
    assert fused.tokens is not None
    maps = fused.tokens.transpose(1, 2).reshape(golden["fused"].shape)
    torch.testing.assert_close(maps, golden["fused"])
    torch.testing.assert_close(fused.pooled, golden["fused"].mean(dim=(2, 3)))
    weight = fusion.weight(parts).transpose(1, 2).reshape(golden["weight"].shape)
    torch.testing.assert_close(weight, golden["weight"])
    torch.autograd.backward(maps.square().sum())
    torch.testing.assert_close(lbp.grad, golden["grad_lbp"])


@pytest.mark.golden
def test_gates_as_the_switches_say() -> None:
    fusion, golden = stored()
    parts = {"visual": tokens(golden["cnn"]), "lbp": tokens(golden["lbp"])}
    both = (golden["global_ctx"] + golden["local_ctx"]).flatten(2).transpose(1, 2)
    fusion.gate = "raw"
    torch.testing.assert_close(fusion.weight(parts), both)
    fusion.gate, fusion.inner_sigmoid = "sigmoid", False
    inner = torch.logit(golden["global_ctx"]) + torch.logit(golden["local_ctx"])
    torch.testing.assert_close(
        fusion.weight(parts), torch.sigmoid(inner).flatten(2).transpose(1, 2), atol=1e-5, rtol=0
    )
    fusion.inner_sigmoid, fusion.gated = True, "visual"
    fused = fusion(parts).tokens
    weight = golden["weight"].flatten(2).transpose(1, 2)
    first, second = parts["visual"].tokens, parts["lbp"].tokens
    assert first is not None and second is not None
    torch.testing.assert_close(fused, weight * first + (1 - weight) * second)


def test_a_view_alone_is_the_result() -> None:
    fusion, golden = stored()
    parts = {"visual": tokens(golden["cnn"]), "lbp": tokens(golden["lbp"])}
    absent = {"lbp": torch.tensor([False, True]), "visual": torch.tensor([True, False])}
    fused = fusion(parts, absent).tokens
    assert fused is not None
    torch.testing.assert_close(fused[0], parts["visual"].tokens[0])  # type: ignore[index]
    torch.testing.assert_close(fused[1], parts["lbp"].tokens[1])  # type: ignore[index]
    alone = fusion({"visual": parts["visual"]}).tokens
    torch.testing.assert_close(alone, parts["visual"].tokens)
    nothing = fusion(parts, dict.fromkeys(parts, torch.tensor([False, False])))
    assert nothing.tokens is not None and not nothing.tokens.any()
    assert fusion.weight(parts, absent)[:, 0, 0].tolist() == [0.0, 1.0]


def test_batch_norm_learns_in_training_and_layer_norm_keeps_rows_apart() -> None:
    torch.manual_seed(0)
    fusion = AttentionalSelectiveFusion({"lbp": 4, "visual": 4}, reduction=2)
    parts = {name: tokens(torch.randn(3, 4, 2, 2)) for name in ("lbp", "visual")}
    norm = fusion.global_gate[1].norm
    assert isinstance(norm, torch.nn.BatchNorm1d) and norm.running_mean is not None
    before = norm.running_mean.clone()
    fusion(parts)
    assert not torch.equal(norm.running_mean, before)
    apart = AttentionalSelectiveFusion({"lbp": 4, "visual": 4}, reduction=2, norm="layer")
    together = apart(parts).pooled
    one = {name: Encoding(part.pooled[:1], tokens=part.tokens[:1]) for name, part in parts.items()}  # type: ignore[index]
    torch.testing.assert_close(apart(one).pooled, together[:1])


def test_bad_input_is_named() -> None:
    for widths in ({"lbp": 4}, {"lbp": 4, "visual": 5}, {"a": 4, "b": 4, "c": 4}):
        with pytest.raises(ValueError, match="give two views with the same number"):
            AttentionalSelectiveFusion(widths)
    two = {"lbp": 4, "visual": 4}
    with pytest.raises(ValueError, match="gated='depth': name one of lbp, visual"):
        AttentionalSelectiveFusion(two, gated="depth")
    with pytest.raises(ValueError, match="norm='group': give 'batch' or 'layer'"):
        AttentionalSelectiveFusion(two, norm="group")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reduction=8 for 4 channels"):
        AttentionalSelectiveFusion(two)
    fusion = AttentionalSelectiveFusion(two, reduction=2).eval()
    view, small = tokens(torch.ones(2, 4, 3, 3)), tokens(torch.ones(2, 4, 2, 2))
    with pytest.raises(ValueError, match=r"the same places, \(2, P, 4\)"):
        fusion({"lbp": view, "visual": small})
    with pytest.raises(ValueError, match=r"the same places, \(2, P, 4\)"):
        fusion({"lbp": view, "visual": view._replace(tokens=None)})
    with pytest.raises(ValueError, match="leave the mask out"):
        fusion({"lbp": view._replace(mask=torch.ones(2, 9, dtype=torch.bool)), "visual": view})


def test_padding_and_rows_without_a_view_do_not_move_the_statistics() -> None:
    generator = torch.Generator().manual_seed(0)
    real = torch.tensor([[True, True, True, False], [True, True, False, False]])
    views = {name: torch.randn(2, 4, 8, generator=generator) for name in ("a", "b")}

    def run(extra: int, fill: float) -> tuple[Tensor, AttentionalSelectiveFusion]:
        torch.manual_seed(1)
        fusion = AttentionalSelectiveFusion({"a": 8, "b": 8}, reduction=2).train()
        mask = torch.nn.functional.pad(real, (0, extra))
        parts = {
            name: Encoding(
                torch.nn.functional.pad(
                    view.masked_fill(~real.unsqueeze(-1), fill), (0, 0, 0, extra), value=fill
                ),
                mask=mask,
            )
            for name, view in views.items()
        }
        pooled: Tensor = fusion(parts).pooled
        return pooled[:, :4][real], fusion

    (short, one), (long, other) = run(0, 0.0), run(12, 50.0)
    torch.testing.assert_close(short, long)
    for (name, first), second in zip(one.state_dict().items(), other.state_dict().values()):
        assert torch.allclose(first.double(), second.double()), name


def test_a_gate_of_one_channel_learns() -> None:
    torch.manual_seed(0)
    fusion = AttentionalSelectiveFusion({"a": 8, "b": 8}, norm="layer")
    fused = fusion({"a": Encoding(torch.randn(5, 8)), "b": Encoding(torch.randn(5, 8))})
    torch.autograd.backward(fused.pooled.square().sum())
    assert all(p.grad is not None and bool(p.grad.any()) for p in fusion.mixes.parameters())


@pytest.mark.parametrize("rows", [1, 3])
def test_one_real_row_is_trained_by_the_running_statistics(rows: int) -> None:
    torch.manual_seed(0)
    fusion = AttentionalSelectiveFusion({"a": 8, "b": 8}, reduction=2)
    for norm in (part for part in fusion.modules() if isinstance(part, torch.nn.BatchNorm1d)):
        torch.nn.init.normal_(norm.weight)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(torch.randn(norm.num_features))
        norm.running_var.copy_(torch.rand(norm.num_features) + 0.5)
    before = {name: value.clone() for name, value in fusion.state_dict().items()}
    parts = {"a": Encoding(torch.randn(rows, 8)), "b": Encoding(torch.randn(rows, 8))}
    # Of several rows, those without any view are no rows.
    present = {name: torch.arange(rows) == 0 for name in parts}
    trained = fusion.train()(parts, present).pooled
    torch.testing.assert_close(trained[:1], fusion.eval()(parts, present).pooled[:1])
    assert all(torch.equal(value, before[name]) for name, value in fusion.state_dict().items())
    torch.autograd.backward(trained.square().sum())
    assert all(parameter.grad is not None for parameter in fusion.parameters())

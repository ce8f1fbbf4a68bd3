"""A transformer over the places of a map."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.heads import TokenTransformerHead
from affectkit.types import AffectOutput, Encoding


def made(*, dropout: float = 0.1) -> TokenTransformerHead:
    torch.manual_seed(0)
    return TokenTransformerHead(
        6, 3, num_tokens=4, dim=8, depth=2, heads=2, hidden_dim=10, dropout=dropout
    ).eval()


def logits(head: TokenTransformerHead, tokens: Tensor | None, mask: Tensor | None = None) -> Tensor:
    output: AffectOutput = head(Encoding(torch.zeros(2, 6), tokens=tokens, mask=mask))
    assert output.logits is not None
    return output.logits


def test_the_formula_written_out() -> None:
    head, tokens = made(), torch.randn(2, 4, 6)
    state = {name: value.double() for name, value in head.state_dict().items()}

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])

    for row in range(2):
        z = torch.cat([state["transformer.class_token"][0], linear(tokens[row].double(), "projection")])
        z = z + state["transformer.places"][0]
        for layer in range(2):
            place = f"transformer.layers.{layer}"
            parts = linear(norm(z, f"{place}.attention_norm"), f"{place}.attention.qkv")
            mixed = []
            for number in range(2):
                q, k, v = (parts[:, 8 * which + 4 * number :][:, :4] for which in range(3))
                mixed.append(torch.softmax(q @ k.T / math.sqrt(4), dim=-1) @ v)
            z = z + linear(torch.cat(mixed, dim=-1), f"{place}.attention.out")
            inner = F.gelu(linear(norm(z, f"{place}.mlp_norm"), f"{place}.mlp.0"), approximate="tanh")
            z = z + linear(inner, f"{place}.mlp.3")
        expected = linear(norm(z[0], "norm"), "classifier")
        torch.testing.assert_close(logits(head, tokens)[row].double(), expected, atol=1e-5, rtol=1e-4)


def test_a_place_has_its_vector_and_a_missing_one_is_never_seen() -> None:
    head, tokens = made(), torch.randn(2, 4, 6)
    with torch.no_grad():
        head.transformer.places.normal_()
    assert not torch.allclose(logits(head, tokens), logits(head, tokens.flip(1)), atol=1e-3)
    mask = torch.tensor([[True, True, False, True]] * 2)
    holes = tokens.masked_fill(~mask.unsqueeze(-1), 50.0)
    torch.testing.assert_close(logits(head, tokens, mask), logits(head, holes, mask))


def test_maps_of_another_size_are_refused() -> None:
    for tokens, shape in (
        (None, "None"),
        (torch.zeros(2, 9, 6), r"\(2, 9, 6\)"),
        (torch.zeros(2, 4, 5), "5"),
    ):
        with pytest.raises(ValueError, match=rf"4 places and 6 channels and got tokens of shape .*{shape}"):
            logits(made(), tokens)


@pytest.mark.parametrize("wrong", [{"dim": 9}, {"heads": 0}, {"num_tokens": 0}])
def test_numbers_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="TokenTransformerHead got in_dim=6, num_classes=3"):
        TokenTransformerHead(6, 3, **{"num_tokens": 4, "dim": 8, "heads": 2, **wrong})
    with pytest.raises(ValueError, match="num_classes=1"):
        TokenTransformerHead(6, 1, num_tokens=4)

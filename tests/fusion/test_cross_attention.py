from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.fusion import CrossAttentionFusion
from affectkit.types import Encoding

WIDTHS = {"text": 5, "audio": 3, "visual": 4}


def fusion() -> CrossAttentionFusion:
    torch.manual_seed(0)
    built = CrossAttentionFusion(WIDTHS, 4, num_heads=2).double()
    with torch.no_grad():
        for absent in built.absent:
            absent.normal_()
    return built


def rows(seed: int = 0) -> tuple[dict[str, Encoding], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    parts = {
        "text": Encoding(
            draw(4, 5), tokens=draw(4, 3, 5), mask=torch.arange(3) < torch.tensor([[3], [1], [2], [3]])
        ),
        "audio": Encoding(draw(4, 3), tokens=draw(4, 2, 3)),
        "visual": Encoding(draw(4, 4)),
    }
    present = {
        "text": torch.tensor([True, True, True, False]),
        "audio": torch.tensor([True, False, False, False]),
        "visual": torch.tensor([True, True, False, False]),
    }
    return parts, present


def test_it_equals_a_loop_over_rows() -> None:
    built = fusion()
    parts, present = rows()
    result = built(parts, present).pooled
    names = sorted(WIDTHS)
    for row in range(4):
        keys = {}
        for place, name in enumerate(names):
            given, real = parts[name].tokens, parts[name].mask
            source = parts[name].pooled[row : row + 1] if given is None else given[row]
            if given is not None and real is not None:
                source = source[real[row]]
            keys[name] = built.projections[place](source)
        columns = []
        for place, name in enumerate(names):
            if not bool(present[name][row]):
                columns.append(built.absent[place])
                continue
            query = built.projections[place](parts[name].pooled[row])
            others = [keys[other] for other in names if other != name and bool(present[other][row])]
            if others:
                key = torch.cat(others)[None]
                attention = built.attentions[place].attention
                assert isinstance(attention, torch.nn.MultiheadAttention)
                query = query + attention(query[None, None], key, key)[0][0, 0]
            columns.append(built.norms[place](query))
        torch.testing.assert_close(result[row], built.output(torch.cat(columns)))


def test_absent_and_masked_tokens_have_no_influence() -> None:
    built = fusion()
    parts, present = rows()
    spoiled = {}
    for name, part in parts.items():
        flag, given = present[name], part.tokens
        if given is not None:
            real = flag.unsqueeze(1) if part.mask is None else flag.unsqueeze(1) & part.mask
            given = torch.where(real.unsqueeze(-1), given, torch.nan).requires_grad_()
        pooled = torch.where(flag.unsqueeze(-1), part.pooled, torch.nan)
        spoiled[name] = part._replace(pooled=pooled, tokens=given)
    result = built(spoiled, present).pooled
    torch.testing.assert_close(result, built(parts, present).pooled, rtol=0, atol=0)
    torch.autograd.backward(result.sum())
    text = spoiled["text"].tokens
    assert text is not None and text.grad is not None
    assert not text.grad[1, 1:].any() and bool(text.grad[1, 0].any()) and not text.grad[3].any()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in built.parameters())


def test_tokens_are_refused_where_they_do_not_fit() -> None:
    built = fusion()
    parts, _ = rows()
    with pytest.raises(ValueError, match=r"give tokens \(B, T, 5\)"):
        built({"text": parts["text"]._replace(tokens=torch.zeros(4, 3, 6).double())})
    utterances = Encoding(torch.zeros(2, 3, 5).double(), tokens=torch.zeros(2, 4, 5).double())
    with pytest.raises(ValueError, match="none for conversations"):
        built({"text": utterances})

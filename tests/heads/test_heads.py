"""Heads against their formulas."""

from __future__ import annotations

import pytest
import torch

from affectkit.heads import ClassificationHead, DimensionalHead, MultiHead
from affectkit.types import AffectOutput, Encoding, Head

X = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))


def test_classification_equals_the_formula() -> None:
    plain = ClassificationHead(6, 4)
    output: AffectOutput = plain(Encoding(X))
    assert output.logits is not None and output.dims is None
    torch.testing.assert_close(output.logits, X @ plain.classifier.weight.T + plain.classifier.bias)

    deep = ClassificationHead(6, 4, hidden_dim=5, dropout=0.5).eval()
    weight, bias = (deep.state_dict()[f"projection.layers.1.{kind}"] for kind in ("weight", "bias"))
    hidden = torch.relu(X @ weight.T + bias)
    output = deep(Encoding(X))
    assert output.logits is not None and output.embedding is not None
    torch.testing.assert_close(output.embedding, hidden)
    torch.testing.assert_close(output.logits, hidden @ deep.classifier.weight.T + deep.classifier.bias)


def test_dimensions_equal_the_formula_and_keep_their_bounds() -> None:
    head = DimensionalHead(6, 2)
    bounded = DimensionalHead(6, 2, bounds=(1.0, 9.0))
    bounded.load_state_dict(head.state_dict())
    free: AffectOutput = head(Encoding(X))
    kept: AffectOutput = bounded(Encoding(X))
    assert free.dims is not None and kept.dims is not None and free.logits is None
    torch.testing.assert_close(free.dims, X @ head.regressor.weight.T + head.regressor.bias)
    torch.testing.assert_close(kept.dims, 1 + 8 / (1 + torch.exp(-free.dims)))


def test_multi_head_keeps_each_result_in_its_place() -> None:
    main, mood, va = ClassificationHead(6, 4), ClassificationHead(6, 3), DimensionalHead(6, 2)
    head: Head = MultiHead(main, {"sentiment": mood, "va": va})
    output: AffectOutput = head(Encoding(X))
    expected: list[AffectOutput] = [main(Encoding(X)), mood(Encoding(X)), va(Encoding(X))]
    assert output.logits is not None and expected[0].logits is not None
    assert torch.equal(output.logits, expected[0].logits)
    assert output.extra is not None and set(output.extra) == {"sentiment"}
    assert expected[1].logits is not None and torch.equal(output.extra["sentiment"], expected[1].logits)
    assert output.dims is not None and expected[2].dims is not None
    assert torch.equal(output.dims, expected[2].dims)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="features of width 5"):
        ClassificationHead(6, 4)(Encoding(torch.zeros(2, 5)))
    with pytest.raises(ValueError, match="num_classes=1"):
        ClassificationHead(6, 1)
    with pytest.raises(ValueError, match="num_dims=0"):
        DimensionalHead(6, 0)
    with pytest.raises(ValueError, match="low < high"):
        DimensionalHead(6, 2, bounds=(1.0, 1.0))
    with pytest.raises(ValueError, match="hidden_dim=-1"):
        ClassificationHead(6, 4, hidden_dim=-1)
    with pytest.raises(ValueError, match=r"dropout=1\.0"):
        ClassificationHead(6, 4, dropout=1.0)
    with pytest.raises(ValueError, match="named 'main'"):
        MultiHead(ClassificationHead(6, 4), {"main": ClassificationHead(6, 4)})
    with pytest.raises(TypeError, match="got str as head 'mood'"):
        MultiHead(ClassificationHead(6, 4), {"mood": "head"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="place for affect values is taken"):
        MultiHead(DimensionalHead(6, 2), {"more": DimensionalHead(6, 2)})(Encoding(X))

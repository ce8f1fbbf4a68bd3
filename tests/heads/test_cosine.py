from __future__ import annotations

import pytest
import torch

from affectkit.heads import CosineHead
from affectkit.types import AffectOutput, Encoding

X = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
ANCHORS = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))


def test_logits_are_cosines_over_the_temperature() -> None:
    output: AffectOutput = CosineHead(5, 4, temperature=0.1, anchors=ANCHORS)(Encoding(X))
    assert output.logits is not None and output.embedding is not None
    for row in range(3):
        for label in range(4):
            cosine = X[row] @ ANCHORS[label] / (X[row].norm() * ANCHORS[label].norm())
            assert output.logits[row, label].item() == pytest.approx(10 * cosine.item(), abs=1e-5)
    torch.testing.assert_close(output.embedding.norm(dim=-1), torch.ones(3))


def test_what_is_trained() -> None:
    fixed = CosineHead(5, 4, anchors=ANCHORS)
    assert not list(fixed.parameters()) and set(fixed.state_dict()) == {"anchors", "log_scale"}
    free = CosineHead(5, 4, learn_temperature=True)
    assert {name for name, _ in free.named_parameters()} == {"anchors", "log_scale"}
    output: AffectOutput = free(Encoding(X))
    assert output.logits is not None
    torch.autograd.backward(output.logits.square().sum())
    assert free.log_scale.grad is not None
    assert free.log_scale.grad.item() == pytest.approx(2 * output.logits.square().sum().item(), rel=1e-4)


def test_a_feature_of_length_zero_is_finite() -> None:
    x = torch.zeros(1, 5, requires_grad=True)
    output: AffectOutput = CosineHead(5, 4, anchors=ANCHORS)(Encoding(x))
    assert output.logits is not None and not output.logits.any()
    torch.autograd.backward(output.logits.sum())
    assert x.grad is not None and bool(x.grad.isfinite().all())


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"temperature=0\.0"):
        CosineHead(5, 4, temperature=0.0)
    with pytest.raises(ValueError, match=r"anchors of shape \(4, 5\)"):
        CosineHead(5, 3, anchors=ANCHORS)
    with pytest.raises(ValueError, match="features of width 6"):
        CosineHead(5, 4)(Encoding(torch.zeros(1, 6)))

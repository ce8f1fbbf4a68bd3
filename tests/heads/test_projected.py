"""A student's head: the classifier reads the features, the projection goes beside it."""

from __future__ import annotations

import pytest
import torch

from affectkit.heads import ProjectedHead
from affectkit.types import Encoding


def test_logits_do_not_pass_the_projection() -> None:
    head = ProjectedHead(6, 3, embedding_dim=4).eval()
    features = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    output = head(Encoding(features))
    torch.testing.assert_close(output.logits, features @ head.classifier.weight.T + head.classifier.bias)
    assert isinstance(head.projection, torch.nn.Linear)
    torch.testing.assert_close(output.embedding, features @ head.projection.weight.T + head.projection.bias)
    assert (head.embedding_dim, head.projection_dim) == (4, 4)


def test_without_a_projection_the_embedding_is_the_features() -> None:
    head = ProjectedHead(6, 3, dropout=0.5).train()
    features = torch.randn(2, 4, 6)
    output = head(Encoding(features))
    assert torch.equal(output.embedding, features) and output.logits.shape == (2, 4, 3)
    assert (head.embedding_dim, head.projection_dim) == (6, 0)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="embedding_dim=-1"):
        ProjectedHead(6, 3, embedding_dim=-1)
    with pytest.raises(ValueError, match="num_classes=1"):
        ProjectedHead(6, 1)
    with pytest.raises(ValueError, match="features of width 5"):
        ProjectedHead(6, 3)(Encoding(torch.zeros(2, 5)))

"""The encoder of stored features."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from affectkit.encoders import ProjectionEncoder
from affectkit.types import Encoder, Encoding


def test_equals_the_formula() -> None:
    torch.manual_seed(0)
    encoder: Encoder = ProjectionEncoder(6, 4, dropout=0.3).eval()
    features = torch.randn(2, 3, 6)
    state = {name: value.detach() for name, value in encoder.state_dict().items()}  # type: ignore[attr-defined]
    hidden = F.linear(features, state["layers.0.weight"], state["layers.0.bias"])
    hidden = (hidden - hidden.mean(-1, keepdim=True)) / (
        hidden.var(-1, correction=0, keepdim=True) + 1e-5
    ).sqrt()
    result: Encoding = encoder(features)
    torch.testing.assert_close(result.pooled, F.gelu(hidden))
    assert result.mask is None and encoder.out_dim == 4


def test_masked_rows_hold_anything_and_come_out_as_zero() -> None:
    encoder = ProjectionEncoder(6, 4)
    mask = torch.tensor([[True, False], [True, True]])
    features = torch.randn(2, 2, 6)
    features[0, 1] = float("nan")
    features.requires_grad_()
    result: Encoding = encoder(features, mask)
    assert not result.pooled[0, 1].any() and result.mask is mask
    torch.autograd.backward(result.pooled.sum())
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in encoder.parameters())
    assert features.grad is not None and not features.grad[0, 1].any()


def test_refusals() -> None:
    with pytest.raises(ValueError, match="features of width 5"):
        ProjectionEncoder(6, 4)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="in_dim=0"):
        ProjectionEncoder(0, 4)
    with pytest.raises(ValueError, match=r"dropout=1\.0"):
        ProjectionEncoder(6, 4, dropout=1.0)

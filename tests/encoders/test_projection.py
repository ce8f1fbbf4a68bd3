"""The encoder of stored features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
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


def test_without_norm_it_is_a_linear_layer_and_gelu() -> None:
    encoder = ProjectionEncoder(6, 4, layer_norm=False)
    features = torch.randn(2, 3, 6)
    state = encoder.state_dict()
    expected = F.gelu(F.linear(features, state["layers.0.weight"], state["layers.0.bias"]))
    torch.testing.assert_close(encoder(features).pooled, expected)
    assert set(state) == {"layers.0.weight", "layers.0.bias"}


def test_input_dropout_hides_features_in_training_alone() -> None:
    torch.manual_seed(0)
    encoder = ProjectionEncoder(50, 3, input_dropout=0.5, layer_norm=False)
    # A projection that lets column 0 through tells what became of it.
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
        weight = encoder.layers[0].weight
        assert isinstance(weight, Tensor)
        weight[:, 0] = 1.0
    rows = torch.ones(400, 50)
    seen: Tensor = encoder(rows).pooled
    doubled = F.gelu(torch.tensor(2.0))
    assert bool(((seen == 0) | (seen - doubled).abs().lt(1e-6)).all())
    assert 120 < int((seen[:, 0] == 0).sum()) < 280
    torch.testing.assert_close(encoder.eval()(rows).pooled, F.gelu(torch.ones(400, 3)))


def test_standardised_features_are_those_with_mean_0_and_deviation_1() -> None:
    torch.manual_seed(0)
    features = torch.randn(30, 5) * torch.tensor([1.0, 9.0, 0.1, 3.0, 0.0]) + 4.0
    encoder = ProjectionEncoder(5, 4, standardize=True)
    plain = ProjectionEncoder(5, 4)
    plain.load_state_dict({name: encoder.state_dict()[name] for name in plain.state_dict()})
    torch.testing.assert_close(encoder(features).pooled, plain(features).pooled)
    mean, deviation = features.double().mean(0), features.double().std(0, correction=0)
    encoder.set_statistics(mean, deviation)
    scaled = (features - features.mean(0)) / features.std(0, correction=0).clamp(min=1e-6)
    assert not scaled[:, 4].any()
    torch.testing.assert_close(encoder(features).pooled, plain(scaled).pooled, atol=1e-5, rtol=1e-5)
    again = ProjectionEncoder(5, 4, standardize=True)
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(features).pooled, encoder(features).pooled)
    masked = encoder(features, torch.arange(30) < 3).pooled
    assert not masked[3:].any() and torch.equal(masked[:3], encoder(features[:3]).pooled)


def test_statistics_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"in_dim=5.*shape \(4,\)"):
        ProjectionEncoder(5, 4, standardize=True).set_statistics(torch.zeros(4), torch.ones(4))
    with pytest.raises(ValueError, match="standardize=False"):
        ProjectionEncoder(5, 4).set_statistics(torch.zeros(5), torch.ones(5))


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
    with pytest.raises(ValueError, match=r"input_dropout=-0\.1"):
        ProjectionEncoder(6, 4, input_dropout=-0.1)

"""Features over time to one vector."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.encoders import SequenceEncoder, SequenceNetwork
from affectkit.temporal import TemporalConvNet
from affectkit.types import Encoding

NETWORKS: tuple[SequenceNetwork, ...] = ("conv", "transformer")


def made(network: SequenceNetwork, *, layer_norm: bool = True) -> SequenceEncoder:
    torch.manual_seed(0)
    return SequenceEncoder(
        6, 4, network=network, channels=(5, 3), num_layers=2, num_heads=2, max_steps=9, layer_norm=layer_norm
    ).eval()


def pooled(encoder: SequenceEncoder, x: Tensor, mask: Tensor | None = None) -> Tensor:
    found: Encoding = encoder(x, mask)
    assert found.tokens is None and found.mask is None
    return found.pooled


def test_the_formula_step_by_step() -> None:
    encoder = made("conv")
    x, mask = torch.randn(3, 9, 6), torch.arange(9) < torch.tensor([[9], [4], [1]])
    network = encoder.network
    assert isinstance(network, TemporalConvNet) and network.context == "both"
    for row in range(3):
        length = int(mask[row].sum())
        steps = F.layer_norm(x[row : row + 1, :length], (6,), encoder.norm.weight, encoder.norm.bias)  # type: ignore[arg-type]
        through: Encoding = network(steps)
        expected = F.linear(
            through.pooled[0].sum(0) / length, encoder.projection.weight, encoder.projection.bias
        )
        torch.testing.assert_close(pooled(encoder, x, mask)[row], expected)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("layer_norm", [True, False])
def test_what_is_masked_is_never_seen(network: SequenceNetwork, layer_norm: bool) -> None:
    encoder = made(network, layer_norm=layer_norm)
    x, mask = torch.randn(3, 9, 6), torch.arange(9) < torch.tensor([[9], [4], [0]])
    found = pooled(encoder, x, mask)
    torch.testing.assert_close(found, pooled(encoder, x.masked_fill(~mask.unsqueeze(-1), torch.nan), mask))
    torch.testing.assert_close(found[1:2], pooled(encoder, x[1:2, :4]))
    # no step at all: the same for every row
    torch.testing.assert_close(found[2], encoder.projection.bias)


@pytest.mark.parametrize("network", NETWORKS)
def test_order_matters(network: SequenceNetwork) -> None:
    encoder, x = made(network), torch.randn(2, 7, 6)
    with torch.no_grad():
        for parameter in encoder.network.parameters():
            parameter.normal_()
    assert not torch.allclose(pooled(encoder, x), pooled(encoder, x.flip(1)), atol=1e-3)


def test_a_row_without_time_is_one_step() -> None:
    encoder, x = made("conv"), torch.randn(2, 6)
    torch.testing.assert_close(pooled(encoder, x), pooled(encoder, x.unsqueeze(1)))
    torch.testing.assert_close(
        pooled(encoder, x, torch.tensor([True, False]))[1], encoder.projection.bias, rtol=0, atol=0
    )


def test_options_and_shapes_that_are_refused() -> None:
    with pytest.raises(ValueError, match="network='lstm'"):
        SequenceEncoder(6, 4, network="lstm")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_heads=4 for features of width 6: give a divisor"):
        SequenceEncoder(6, 4, network="transformer")
    with pytest.raises(ValueError, match=r"width 6 got features of shape \(2, 3, 5\)"):
        made("conv")(torch.zeros(2, 3, 5))
    with pytest.raises(ValueError, match="built for 9 frames and got clips of 10"):
        made("transformer")(torch.zeros(1, 10, 6))

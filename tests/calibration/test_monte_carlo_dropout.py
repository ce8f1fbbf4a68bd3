"""Passes with dropout: what they give, and that nothing else is disturbed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affectkit.calibration import DropoutError, MonteCarloDropout
from affectkit.types import AffectOutput


class Both(nn.Module):
    """Logits and values behind dropout and a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(4)
        self.linear = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> AffectOutput:
        given: Tensor = self.linear(self.norm(self.drop(x)))
        return AffectOutput(logits=given[:, :3], dims=given[:, 3:])


def network() -> Both:
    torch.manual_seed(0)
    return Both().eval()


X = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))


def test_it_is_a_loop_over_masks() -> None:
    module = network()
    found = MonteCarloDropout(module, passes=4, seed=7)(X)
    probabilities, values = [], []
    torch.manual_seed(7)
    for _ in range(4):
        mask = nn.functional.dropout(torch.ones(6, 4), 0.5)
        given: Tensor = module.linear(module.norm(X * mask))
        probabilities.append(given[:, :3].softmax(-1))
        values.append(given[:, 3:])
    mean = sum(probabilities, torch.zeros(6, 3)) / 4
    assert found.probabilities is not None and found.dims is not None and found.dims_deviation is not None
    torch.testing.assert_close(found.probabilities, mean)
    torch.testing.assert_close(found.dims, sum(values, torch.zeros(6, 2)) / 4)
    torch.testing.assert_close(found.dims_deviation, torch.stack(values).std(0))
    each = torch.stack([-(p * p.log()).sum(-1) for p in probabilities]).mean(0)
    assert found.information is not None and found.entropy is not None
    torch.testing.assert_close(found.entropy, -(mean * mean.log()).sum(-1))
    torch.testing.assert_close(found.information, found.entropy - each)


def test_nothing_else_changes() -> None:
    module = network()
    module.norm.train()  # whatever the modes were, they come back
    statistics = module.norm.running_mean
    assert statistics is not None
    before, modes = statistics.clone(), [part.training for part in module.modules()]
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    wrapped = MonteCarloDropout(module)
    first, second = wrapped(X), wrapped(X)
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(statistics, before)
    assert [part.training for part in module.modules()] == modes
    assert torch.equal(first.probabilities, second.probabilities)
    assert not torch.equal(first.probabilities, MonteCarloDropout(module, seed=1)(X).probabilities)


class Sequence(nn.Module):
    """Layers that keep the share of dropout as a number."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.layer, nn.MultiheadAttention):
            attended: Tensor = self.layer(x, x, x)[0]
            return attended
        given: object = self.layer(x)
        out = given[0] if isinstance(given, tuple) else given
        assert isinstance(out, Tensor)
        return out


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(4, 4, num_layers=2, dropout=0.5, batch_first=True),
        nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True),
        nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, batch_first=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_dropout_inside_a_layer_is_found(layer: nn.Module) -> None:
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    found = MonteCarloDropout(Sequence(layer).eval(), passes=5)(x)
    assert found.dims is None and found.probabilities.shape == (2, 3, 4)
    assert bool((found.information > 1e-6).all())


class Broken(Both):
    def forward(self, x: Tensor) -> AffectOutput:
        return AffectOutput(embedding=x)


def test_what_has_no_spread_is_refused() -> None:
    with pytest.raises(DropoutError, match="has no dropout above 0"):
        MonteCarloDropout(nn.Sequential(nn.Dropout(0.0), nn.Linear(4, 2)))(X)
    broken = Broken().eval()
    with pytest.raises(DropoutError, match="without logits or values"):
        MonteCarloDropout(broken)(X)
    assert not broken.drop.training
    with pytest.raises(ValueError, match="passes=1"):
        MonteCarloDropout(network(), passes=1)

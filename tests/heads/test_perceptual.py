from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from affectkit.heads import PerceptualHead
from affectkit.losses import (
    ClassificationLoss,
    MSELoss,
    PearsonLoss,
    VoteDistributionLoss,
)
from affectkit.types import AffectOutput, Encoding, Loss, Target

GOLDEN = Path(__file__).parents[1] / "golden" / "perceptclip_lora.npz"
X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.golden
def test_logits_loss_and_gradients_of_the_golden_vector() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    head = PerceptualHead(12, num_classes=8, hidden_dims=(10, 6)).eval()
    ours = {"fc1": "layers.0", "fc2": "layers.3", "fc3": "last"}
    names = {f"{old}.{part}": f"{new}.{part}" for old, new in ours.items() for part in ("weight", "bias")}
    head.load_state_dict({new: arrays[f"mlp/{old}"] for old, new in names.items()})
    output: AffectOutput = head(Encoding(arrays["embedding"]))
    assert output.logits is not None
    torch.testing.assert_close(output.logits, arrays["logits"], rtol=0, atol=1e-6)
    loss = F.cross_entropy(output.logits, arrays["label"])
    torch.testing.assert_close(loss, arrays["loss"], rtol=1e-6, atol=0)
    mse = (output.logits[:, 0] - torch.tensor([0.1, 0.5, 0.9])).square().mean()
    torch.testing.assert_close(mse, arrays["mse_first"], rtol=1e-5, atol=0)
    torch.autograd.backward(loss)
    parameters = dict(head.named_parameters())
    for old, new in names.items():
        torch.testing.assert_close(parameters[new].grad, arrays[f"grad_mlp/{old}"], rtol=0, atol=1e-6)


def test_it_is_layers_with_relu_on_the_features_as_they_are() -> None:
    torch.manual_seed(0)
    head = PerceptualHead(6, num_classes=3, num_dims=2, hidden_dims=(5, 4)).eval()
    output: AffectOutput = head(Encoding(X))
    state = head.state_dict()
    hidden = X
    for layer in ("layers.0", "layers.3"):
        hidden = (hidden @ state[f"{layer}.weight"].T + state[f"{layer}.bias"]).clamp(min=0)
    values = hidden @ state["last.weight"].T + state["last.bias"]
    assert output.logits is not None and output.dims is not None and output.embedding is not None
    torch.testing.assert_close(output.logits, values[:, :3])
    torch.testing.assert_close(output.dims, values[:, 3:])
    torch.testing.assert_close(output.embedding, hidden)
    scaled: AffectOutput = head(Encoding(2 * X))
    assert scaled.logits is not None and not torch.allclose(scaled.logits, output.logits)


def test_the_defaults_are_the_published_ones() -> None:
    head = PerceptualHead(num_classes=8)
    shapes = [tuple(value.shape) for name, value in head.state_dict().items() if name.endswith("weight")]
    assert shapes == [(512, 768), (256, 512), (8, 256)]
    dropped: AffectOutput = head.train()(Encoding(torch.ones(4, 768)))
    assert dropped.embedding is not None
    share = (dropped.embedding == 0).float().mean().item()
    assert share > 0.5  # dropout on top of what ReLU cuts


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (ClassificationLoss(3), Target(label=torch.tensor([0, 1, 2, 0, 1]))),
        (VoteDistributionLoss(), Target(distribution=9 * torch.eye(3)[[0, 1, 2, 0, 1]] + 0.5)),
        (MSELoss(), Target(dims=torch.linspace(-1, 1, 5)[:, None])),
        (PearsonLoss(), Target(dims=torch.linspace(-1, 1, 5)[:, None])),
    ],
    ids=["classes", "distribution", "regression", "pearson"],
)
def test_the_loss_decides_what_it_learns(loss: Loss, target: Target) -> None:
    torch.manual_seed(0)
    head = PerceptualHead(6, num_classes=3, num_dims=1, hidden_dims=(16, 8), dropout=0.0)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    totals = []
    for _ in range(30):
        terms = loss(head(Encoding(X)), target)
        optimizer.zero_grad()
        torch.autograd.backward(terms.total)
        optimizer.step()
        totals.append(terms.total.item())
    assert totals[-1] < 0.9 * totals[0]


def test_refusals() -> None:
    with pytest.raises(ValueError, match="num_classes=0, num_dims=0"):
        PerceptualHead(6)
    with pytest.raises(ValueError, match="num_classes=1"):
        PerceptualHead(6, num_classes=1)
    with pytest.raises(ValueError, match=r"hidden_dims=\[0\]"):
        PerceptualHead(6, num_classes=3, hidden_dims=(0,))
    with pytest.raises(ValueError, match="features of width 5"):
        PerceptualHead(6, num_classes=3)(Encoding(torch.zeros(1, 5)))

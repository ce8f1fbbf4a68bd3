"""When features are computed again, and when not."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from affectkit.adapters import FeatureMemory


class Counted(nn.Module):
    """A weight, and how often features of it were computed."""

    def __init__(self, *, learned: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3), requires_grad=learned)
        self.memory = FeatureMemory()
        self.times = 0

    def forward(self) -> Tensor:
        features: Tensor = self.memory(self._compute, lambda: [self.weight])
        return features

    def _compute(self) -> Tensor:
        self.times += 1
        return self.weight * 2


def test_frozen_features_are_computed_once_in_training() -> None:
    module = Counted(learned=False).train()
    first = module()
    assert torch.equal(module(), first) and module.times == 1 and not first.requires_grad


def test_learned_features_are_computed_in_every_step_and_kept_in_evaluation() -> None:
    module = Counted(learned=True)
    assert module().requires_grad and module().requires_grad and module.times == 2
    module.eval()
    with torch.no_grad():
        module()
        module()
    assert module.times == 3
    # A gradient needs a graph, whatever the mode.
    assert module().requires_grad and module.times == 4


def test_training_without_a_graph_is_not_remembered() -> None:
    module = Counted(learned=True).train()
    with torch.no_grad():
        module()
        module()
    assert module.times == 2


@pytest.mark.parametrize("change", ["step", "load", "mode", "type", "unfreeze"])
def test_features_follow_what_they_depend_on(change: str) -> None:
    module = Counted(learned=False).eval()
    with torch.no_grad():
        module()
        if change == "step":
            module.weight.add_(1.0)
        elif change == "load":
            module.load_state_dict({"weight": torch.full((3,), 5.0)})
        elif change == "mode":
            module.train()
        elif change == "type":
            module.double()
        expected = module.weight * 2
        assert torch.equal(module(), expected) and module().dtype == module.weight.dtype
    if change == "unfreeze":
        module.weight.requires_grad_()
        assert module().requires_grad
    assert module.times == 2


def test_an_optimizer_step_is_noticed_in_evaluation() -> None:
    module = Counted(learned=True).eval()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.5)
    with torch.no_grad():
        before = module()
    torch.autograd.backward(module().sum())
    optimizer.step()
    with torch.no_grad():
        assert not torch.equal(module(), before)


def test_a_step_that_leaves_no_mark_is_noticed_after_a_graph() -> None:
    module = Counted(learned=True).eval()
    with torch.no_grad():
        module()
    module()
    module.weight.data.add_(1.0)
    with torch.no_grad():
        assert torch.equal(module(), torch.full((3,), 4.0))


def test_features_of_a_validation_serve_a_training() -> None:
    module = Counted(learned=False)
    with torch.inference_mode():
        kept = module()
    assert not kept.is_inference()
    x = torch.ones(3, requires_grad=True)
    torch.autograd.backward((x * module()).sum())
    assert module.times == 1 and x.grad is not None


def test_kept_features_have_full_precision() -> None:
    weight, x = nn.Parameter(torch.ones(2, 2), requires_grad=False), torch.rand(2, 2)
    memory = FeatureMemory()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        kept: Tensor = memory(lambda: x @ weight, lambda: [weight])
    assert kept.dtype == torch.float32 and torch.equal(kept, x @ weight)


def test_a_copy_follows_its_own_weights() -> None:
    module = Counted(learned=False).eval()
    module()
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.weight.add_(1.0)
    assert torch.equal(twin(), torch.full((3,), 4.0)) and torch.equal(module(), torch.full((3,), 2.0))

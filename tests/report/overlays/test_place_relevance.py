"""Relevance of places, against loops and against what a linear network makes of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.report.overlays import grad_cam, token_relevance


def slope(score: Tensor, values: Tensor) -> Tensor:
    return torch.autograd.grad(score, values)[0]


def test_grad_cam_is_what_loops_make_of_its_equation() -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 4, 5, requires_grad=True)
    gradients = slope((maps.sin() * torch.randn(2, 3, 4, 5)).sum(), maps)
    found = grad_cam(maps.detach(), gradients)
    for row in range(2):
        for y in range(4):
            for x in range(5):
                total = 0.0
                for channel in range(3):
                    alpha = gradients[row, channel].mean().item()
                    total += alpha * maps[row, channel, y, x].item()
                assert found[row, y, x].item() == pytest.approx(max(0.0, total), abs=1e-6)
    assert (found == 0).any() and (found > 0).any()


def test_grad_cam_of_a_mean_and_a_linear_layer_is_their_class_map() -> None:
    torch.manual_seed(0)
    maps, weight = torch.randn(1, 6, 3, 3, requires_grad=True), torch.randn(4, 6)
    logits = maps.mean((2, 3)) @ weight.T
    expected = torch.einsum("c,nchw->nhw", weight[2], maps.detach()).relu() / 9
    torch.testing.assert_close(grad_cam(maps.detach(), slope(logits[0, 2], maps)), expected)


def test_relevance_of_tokens_is_what_loops_make_of_its_equation() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 3, requires_grad=True)
    gradients = slope((tokens.cos() * torch.randn(2, 5, 3)).sum(), tokens)
    found = token_relevance(tokens.detach(), gradients)
    for row in range(2):
        for place in range(5):
            total = sum(tokens[row, place, d].item() * gradients[row, place, d].item() for d in range(3))
            assert found[row, place].item() == pytest.approx(max(0.0, total), abs=1e-6)


def test_relevance_of_tokens_shares_out_a_linear_score() -> None:
    """Where every place speaks for the score, their relevance adds up to it."""
    tokens = torch.rand(1, 7, 3, requires_grad=True)
    score = (tokens.mean(1) @ torch.tensor([1.0, 2.0, 3.0])).squeeze()
    assert token_relevance(tokens.detach(), slope(score, tokens)).sum().item() == pytest.approx(score.item())


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"give \(N, C, H, W\) twice"):
        grad_cam(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 4))
    with pytest.raises(ValueError, match=r"give \(N, T, D\) twice"):
        token_relevance(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3))

"""Frames deciding over their clip."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch

from affectkit.functional import ClipRule, clip_scores


def naive(frames: list[list[float]], rule: ClipRule) -> list[float]:
    """Scores of one clip, frame by frame."""
    classes = len(frames[0])
    chances = []
    for frame in frames:
        total = sum(math.exp(value) for value in frame)
        chances.append([math.exp(value) / total for value in frame])
    mean = [sum(chance[c] for chance in chances) / len(frames) for c in range(classes)]
    if rule == "mean_logit":
        return [sum(frame[c] for frame in frames) / len(frames) for c in range(classes)]
    if rule == "mean_prob":
        return [math.log(value) for value in mean]
    votes = [sum(frame.index(max(frame)) == c for frame in frames) for c in range(classes)]
    return [math.log((votes[c] + mean[c]) / (len(frames) + 1)) for c in range(classes)]


@pytest.mark.parametrize("rule", ["vote", "mean_prob", "mean_logit"])
def test_against_frame_by_frame(rule: Literal["vote", "mean_prob", "mean_logit"]) -> None:
    logits = 2 * torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lengths = [9, 4, 1, 0]
    mask = torch.arange(9) < torch.tensor(lengths).unsqueeze(1)
    wild = logits.masked_fill(~mask.unsqueeze(-1), math.nan)
    found = clip_scores(wild, mask, rule=rule)
    for row, length in enumerate(lengths[:3]):
        assert found[row].tolist() == pytest.approx(naive(logits[row, :length].tolist(), rule))
    assert found[3].tolist() == [0.0] * 5
    if rule != "mean_logit":
        torch.testing.assert_close(found[:3].exp().sum(dim=-1), torch.ones(3, dtype=torch.float64))
    assert torch.equal(clip_scores(logits[:1], rule=rule), clip_scores(logits[:1], mask[:1], rule=rule))


def test_the_majority_wins_and_chances_break_a_tie() -> None:
    frames = torch.tensor([[[2.0, 1.9, 0.0], [0.0, 9.0, 0.0]], [[9.0, 0.0, 0.0], [0.0, 0.1, 0.0]]])
    assert clip_scores(frames, rule="vote").argmax(dim=-1).tolist() == [1, 0]
    three = torch.tensor([[[0.1, 0.0], [0.1, 0.0], [0.0, 9.0]]])
    assert [int(clip_scores(three, rule=rule).argmax()) for rule in ("vote", "mean_prob")] == [0, 1]


def test_gradients_stay_finite_where_frames_are_not_real() -> None:
    logits = torch.full((1, 3, 2), math.nan)
    logits[0, 0] = torch.tensor([200.0, -200.0])
    logits.requires_grad_()
    for rule in ("vote", "mean_prob", "mean_logit"):
        scores = clip_scores(logits, torch.tensor([[True, False, False]]), rule=rule)
        assert bool(scores.isfinite().all())
        (gradient,) = torch.autograd.grad(scores.sum(), logits)
        assert bool(gradient.isfinite().all()) and not gradient[0, 1:].any()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="rule='mean'"):
        clip_scores(torch.zeros(1, 2, 3), rule="mean")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"give \(B, T, C\) and \(B, T\)"):
        clip_scores(torch.zeros(1, 2, 3), torch.ones(1, 3, dtype=torch.bool))

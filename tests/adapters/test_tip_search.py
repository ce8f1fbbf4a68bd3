"""The search of alpha and beta against a naive one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import recall_score
from torch import Tensor

from affectkit.adapters.tip_search import TipScore, search_alpha_beta

GOLDEN = Path(__file__).parents[1] / "golden" / "tip_adapter.npz"


def separable() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hard rows of unequal classes: accuracy and mean recall are best at different points."""
    generator = torch.Generator().manual_seed(9)
    labels = torch.tensor([0] * 14 + [1] * 5 + [2] * 3)
    values = torch.eye(3)[torch.tensor([0, 0, 1, 1, 2, 2])]
    truth = torch.eye(3)[labels]
    affinity = (0.55 + 0.15 * truth @ values.T + 0.2 * torch.randn(22, 6, generator=generator)).clamp(max=1)
    clip_logits = 0.4 * truth + 0.9 * torch.randn(22, 3, generator=generator)
    return clip_logits, affinity, values, labels


@pytest.mark.parametrize("score", ["accuracy", "uar"])
def test_finds_the_first_best_point(score: TipScore) -> None:
    clip_logits, affinity, values, labels = separable()
    best, reached, distinct = (0.0, 0.0), -1.0, set()
    for i in range(12):
        beta = 0.1 + i * (7.0 - 0.1) / 12
        for j in range(8):
            alpha = 0.1 + j * (3.0 - 0.1) / 8
            guesses = []
            for row in range(len(labels)):
                scores = [
                    float(clip_logits[row, c])
                    + alpha
                    * sum(
                        math.exp(-beta * (1 - float(affinity[row, k]))) * float(values[k, c])
                        for k in range(6)
                    )
                    for c in range(3)
                ]
                guesses.append(scores.index(max(scores)))
            right = [guess == label for guess, label in zip(guesses, labels.tolist())]
            if score == "accuracy":
                value = sum(right) / len(right)
            else:
                value = float(recall_score(labels.numpy(), np.array(guesses), average="macro"))
            distinct.add(round(value, 6))
            if value > reached + 1e-9:
                best, reached = (alpha, beta), value
    found = search_alpha_beta(
        clip_logits, affinity, values, labels, score=score, alpha_steps=8, beta_steps=12
    )
    assert len(distinct) > 3 and best != (0.1, 0.1)
    assert (found.alpha, found.beta) == pytest.approx(best)
    assert found.score == pytest.approx(reached)


@pytest.mark.golden
def test_golden_search_keeps_the_first_of_equal_points() -> None:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        stored = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    found = search_alpha_beta(
        stored["clip_logits"],
        stored["affinity"],
        stored["cache_values"],
        stored["query_labels"],
        alpha_steps=10,
        beta_steps=20,
    )
    assert found.alpha == pytest.approx(float(stored["best_alpha"]))
    assert found.beta == pytest.approx(float(stored["best_beta"]))


def test_refusals() -> None:
    clip_logits, affinity, values, labels = separable()
    with pytest.raises(ValueError, match="0 rows"):
        search_alpha_beta(clip_logits[:0], affinity[:0], values, labels[:0])
    with pytest.raises(ValueError, match="20 x 0 points"):
        search_alpha_beta(clip_logits, affinity, values, labels, beta_steps=0)
    with pytest.raises(ValueError, match="'accuracy' or 'uar'"):
        search_alpha_beta(clip_logits, affinity, values, labels, score="f1")  # type: ignore[arg-type]

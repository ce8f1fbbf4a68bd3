"""Entropy and disagreement of several predictions, against loops over the formula."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.functional import predictive_uncertainty


def naive(probabilities: list[list[float]]) -> tuple[list[float], float, float]:
    """One row: K predictions of C classes."""
    number, classes = len(probabilities), len(probabilities[0])
    mean = [sum(row[c] for row in probabilities) / number for c in range(classes)]

    def entropy(row: list[float]) -> float:
        return -sum(p * math.log(p) for p in row if p > 0)

    return mean, entropy(mean), entropy(mean) - sum(map(entropy, probabilities)) / number


def draw() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(5, 4, 3, generator=generator, dtype=torch.float64)
    return logits.softmax(-1)


def test_it_is_the_formula() -> None:
    probabilities = draw()
    found = predictive_uncertainty(probabilities)
    for row in range(4):
        mean, entropy, information = naive(probabilities[:, row].tolist())
        assert found.mean[row].tolist() == pytest.approx(mean, abs=1e-12)
        assert found.entropy[row].item() == pytest.approx(entropy, abs=1e-12)
        assert found.information[row].item() == pytest.approx(information, abs=1e-12)


def test_predictions_that_agree_hold_no_information() -> None:
    same = draw()[:1].expand(7, -1, -1).float()
    found = predictive_uncertainty(same)
    assert found.information.max().item() < 1e-6 and found.information.min().item() >= 0
    assert found.entropy.min().item() > 0.01


def test_certain_predictions_have_no_entropy_and_no_nan() -> None:
    sure = torch.eye(3)[torch.tensor([[0, 1], [0, 1]])]
    found = predictive_uncertainty(sure)
    assert found.entropy.tolist() == [0.0, 0.0] and found.information.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("shape", [(3,), (0, 4, 3)])
def test_what_is_no_set_of_predictions_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"give \(K, ..., C\)"):
        predictive_uncertainty(torch.zeros(shape))

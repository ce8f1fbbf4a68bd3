"""What is gained by leaving the doubtful rows to a person."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class RiskCoverage(NamedTuple):
    """One point for each distinct confidence, the most confident first.

    Shape:
        - threshold: (G,) float64, the lowest confidence that is answered.
        - coverage: (G,) float64, share of the rows that are answered, rising to 1.
        - risk: (G,) float64, share of wrong answers among them.
        - rows: (G,) int64, rows of this confidence.
    """

    threshold: Tensor
    coverage: Tensor
    risk: Tensor
    rows: Tensor


def risk_coverage(confidence: Tensor, correct: Tensor) -> RiskCoverage:
    """Share of wrong answers among those given, for every confidence from which on answers are given.

    Rows of one confidence are answered together or not at all, so that the order of rows does not matter.

    Args:
        confidence: Confidence of the answer, on any scale.
        correct: Whether the answer is right.

    Shape:
        - confidence: (N,) float
        - correct: (N,) bool or 0/1

    Raises:
        ValueError: If shapes differ.

    References:
        El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification, JMLR 2010.

    Examples:
        >>> import torch
        >>> curve = risk_coverage(torch.tensor([0.9, 0.6, 0.6]), torch.tensor([1, 0, 1]))
        >>> curve.coverage.tolist(), curve.risk.tolist()
        ([0.3333333333333333, 1.0], [0.0, 0.3333333333333333])
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape:
        raise ValueError(
            f"risk_coverage got confidences {tuple(confidence.shape)} and answers {tuple(correct.shape)}: "
            "give one of each per row."
        )
    levels, group = torch.unique(confidence.detach().double(), sorted=True, return_inverse=True)
    rows = torch.bincount(group, minlength=len(levels)).flip(0)
    wrong = torch.zeros(len(levels), dtype=torch.float64, device=levels.device)
    wrong.index_add_(0, group, 1.0 - correct.detach().double())
    answered = rows.cumsum(0).double()
    return RiskCoverage(
        levels.flip(0), answered / max(len(confidence), 1), wrong.flip(0).cumsum(0) / answered, rows
    )


def area_under_risk_coverage(curve: RiskCoverage) -> Tensor:
    r"""Mean risk over all coverages that are reached, each row counting once.

    .. math:: \mathrm{AURC} = \frac1N \sum_i \mathrm{risk}(c_i)

    Returns:
        Scalar float64 in [0, 1], lower is better; 0 without any row.

    References:
        Geifman, Uziel and El-Yaniv, Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers, ICLR
        2019, arXiv:1805.08206.

    Examples:
        >>> import torch
        >>> area_under_risk_coverage(risk_coverage(torch.tensor([0.9, 0.6]), torch.tensor([1, 0]))).item()
        0.25
    """
    return (curve.risk * curve.rows).sum() / curve.rows.sum().clamp(min=1)


def selective_accuracy(curve: RiskCoverage, coverage: float) -> Tensor:
    """Accuracy on the most confident share of the rows.

    Where only some rows of one confidence fit, it is the accuracy that a random choice of them gives on
    average.

    Args:
        curve: The curve.
        coverage: Share of the rows that are answered, in (0, 1].

    Returns:
        Scalar float64; 0 without any row.

    Raises:
        ValueError: If ``coverage`` lies outside (0, 1].

    Examples:
        >>> import torch
        >>> curve = risk_coverage(torch.tensor([0.9, 0.8, 0.6, 0.6]), torch.tensor([1, 1, 0, 1]))
        >>> selective_accuracy(curve, 0.5).item(), selective_accuracy(curve, 0.75).item()
        (1.0, 0.8333333333333334)
    """
    if not 0 < coverage <= 1:
        raise ValueError(
            f"selective_accuracy got coverage={coverage}: give a share of the rows, 0 < coverage <= 1."
        )
    rows = curve.rows.double()
    reached = rows.cumsum(0)
    right = ((1 - curve.risk) * reached).diff(prepend=reached.new_zeros(1))
    number = coverage * rows.sum()
    # How much of each group of equals is answered.
    share = ((number - (reached - rows)) / rows).clamp(0, 1)
    return (share * right).sum() / number.clamp(min=torch.finfo(torch.float64).tiny)

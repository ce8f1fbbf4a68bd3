"""Negative log-likelihood."""

from __future__ import annotations

from torch import Tensor

from affectkit.metrics.probability_sums import ProbabilityMetric


class NegativeLogLikelihood(ProbabilityMetric):
    r"""Mean negative logarithm of the probability of the truth, in nats; lower is better.

    .. math:: -\frac1N \sum_i \log p_{i y_i}

    Args:
        num_classes: Number of classes C.

    Examples:
        >>> import torch
        >>> score = NegativeLogLikelihood(2)
        >>> score.update(torch.zeros(1, 2), torch.tensor([0]))
        >>> round(score.compute().item(), 6)
        0.693147
    """

    @property
    def key(self) -> str:
        """``nll``."""
        return "nll"

    @property
    def protocol(self) -> str:
        """``nll[nats]``."""
        return "nll[nats]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return self.sums[2] / self.sums[0].clamp(min=1)

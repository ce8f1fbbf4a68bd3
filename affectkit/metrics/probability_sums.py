"""The sums that proper scores of probabilities are made from."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from affectkit.functional import brier_rows, nll_rows
from affectkit.metrics.exact_state import ExactStateMetric
from affectkit.metrics.labelled_scores import labelled_scores


class ProbabilityMetric(ExactStateMetric, ABC):
    """A mean over rows of a score of the predicted probabilities.

    Sums are float64 and summed over ranks, so the mean is exact for any number of ranks. All subclasses hold
    the same state: in a ``MetricCollection`` they form one compute group.

    Args:
        num_classes: Number of classes C.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    #: Rows, summed Brier score, summed negative log-likelihood.
    sums: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("sums", default=torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")

    @property
    @abstractmethod
    def key(self) -> str:
        """Plain name for log keys and file names."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """Name with everything that changes the number."""

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add rows.

        Args:
            prediction: Logits (..., C).
            target: Class indices (...), -100 for a row without label.
            weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
        """
        name = type(self).__name__
        scores, label = labelled_scores(prediction, target, weight, num_classes=self.num_classes, name=name)
        count = scores.new_tensor(len(label))
        self.sums += torch.stack([count, brier_rows(scores, label).sum(), nll_rows(scores, label).sum()])


class BrierScore(ProbabilityMetric):
    """Mean over rows of the squared distance between probabilities and truth: 0 to 2, lower is better.

    Args:
        num_classes: Number of classes C.

    References:
        Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review, 1950.

    Examples:
        >>> import torch
        >>> score = BrierScore(2)
        >>> score.update(torch.tensor([[0.8, 0.2]]).log(), torch.tensor([0]))
        >>> round(score.compute().item(), 6)
        0.08
    """

    @property
    def key(self) -> str:
        """``brier``."""
        return "brier"

    @property
    def protocol(self) -> str:
        """``brier[sum over classes]``."""
        return "brier[sum over classes]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return self.sums[1] / self.sums[0].clamp(min=1)


class NegativeLogLikelihood(ProbabilityMetric):
    """Mean negative logarithm of the probability of the truth, in nats; lower is better.

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

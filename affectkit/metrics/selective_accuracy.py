"""Accuracy of a model that may decline to answer."""

from __future__ import annotations

from torch import Tensor

from affectkit.functional import risk_coverage, selective_accuracy
from affectkit.metrics.confidence_rows import ConfidenceRowsMetric


class SelectiveAccuracy(ConfidenceRowsMetric):
    r"""Accuracy on the most confident share of the rows.

    .. math:: \frac{1}{|T|} \sum_{i \in T} [\hat y_i = y_i], \qquad |T| = \kappa N

    with :math:`\kappa` the coverage and T the rows of largest :math:`\max_c p_{ic}`.

    Args:
        num_classes: Number of classes C.
        coverage: Share of the rows that are answered, in (0, 1].

    Raises:
        ValueError: If ``coverage`` lies outside (0, 1].

    References:
        El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification, JMLR 2010.

    Examples:
        >>> import torch
        >>> score = SelectiveAccuracy(2, coverage=0.5)
        >>> score.update(torch.tensor([[0.9, 0.1], [0.8, 0.2]]).log(), torch.tensor([0, 1]))
        >>> score.key, score.compute().item()
        ('accuracy_at_50', 1.0)
    """

    higher_is_better = True

    def __init__(self, num_classes: int, *, coverage: float = 0.8) -> None:
        super().__init__(num_classes)
        if not 0 < coverage <= 1:
            raise ValueError(
                f"SelectiveAccuracy got coverage={coverage}: give a share of the rows, 0 < coverage <= 1."
            )
        self.coverage = coverage

    @property
    def key(self) -> str:
        """E.g. ``accuracy_at_80``."""
        return f"accuracy_at_{100 * self.coverage:g}".replace(".", "_")

    @property
    def protocol(self) -> str:
        """E.g. ``accuracy[the most confident 80 %]``."""
        return f"accuracy[the most confident {100 * self.coverage:g} %]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return selective_accuracy(risk_coverage(*self.answers()), self.coverage)

"""F1 of a multi-label task."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from affectkit.metrics.label_counts import LabelCountsMetric


class MultilabelF1(LabelCountsMetric):
    r"""F1 of each label's yes, averaged over labels.

    .. math:: F_c = \frac{2\,\mathrm{TP}_c}{2\,\mathrm{TP}_c + \mathrm{FP}_c + \mathrm{FN}_c}

    A label that neither is nor was said anywhere scores 0, as in scikit-learn; one without a single
    annotation is left out of the mean.

    Args:
        num_labels: Number of labels C.
        average: ``macro`` over labels, or ``micro`` over the pooled counts.
        threshold: A prediction above it is a yes: 0 for logits, 0.5 for probabilities.

    Shape:
        - prediction: (..., C) scores
        - target: (..., C) 0/1, NaN = not annotated
        - weight: (...), rows of weight 0 are skipped
        - compute: () float64

    Examples:
        >>> import torch
        >>> metric = MultilabelF1(2, average="micro")
        >>> metric.update(torch.tensor([[2.0, -1.0], [1.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> metric.key, metric.protocol, round(float(metric.compute()), 4)
        ('micro_f1', 'f1[micro,multilabel,threshold=0]', 0.8)
    """

    def __init__(
        self, num_labels: int, *, average: Literal["macro", "micro"] = "macro", threshold: float = 0.0
    ) -> None:
        super().__init__(num_labels, threshold=threshold)
        if average not in ("macro", "micro"):
            raise ValueError(f"MultilabelF1 does not know average={average!r}; use 'macro' or 'micro'.")
        self.average: Literal["macro", "micro"] = average

    @property
    def key(self) -> str:
        """``macro_f1`` or ``micro_f1``."""
        return f"{self.average}_f1"

    @property
    def protocol(self) -> str:
        """E.g. ``f1[macro,multilabel,threshold=0]``."""
        return f"f1[{self.average},multilabel,threshold={self.threshold:g}]"

    def compute(self) -> Tensor:
        """Scalar; 0 without any annotation."""
        hits = self.counts[:, 1, 1].double()
        wrong = (self.counts[:, 0, 1] + self.counts[:, 1, 0]).double()
        if self.average == "micro":
            return 2 * hits.sum() / (2 * hits.sum() + wrong.sum()).clamp(min=1)
        scores = 2 * hits / (2 * hits + wrong).clamp(min=1)
        annotated = self.counts.sum((1, 2)) > 0
        return torch.where(annotated, scores, 0.0).sum() / annotated.sum().clamp(min=1)

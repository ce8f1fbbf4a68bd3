"""What a model scores that knows which labels can occur."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.functional import f1_score, unweighted_average_recall
from affectkit.metrics.confusion import ConfusionMetric

PresentScore: TypeAlias = Literal["accuracy", "macro_f1", "uar"]
_SCORES: Final = get_args(PresentScore)


class PresentOnly(ConfusionMetric):
    r"""A score whose predictions are restricted to the labels that the evaluated data have.

    .. math:: \hat y_i = \operatorname*{argmax}_{c \in P} z_{ic}

    A model trained on eight labels and evaluated on data with six can be wrong in two more ways than the
    data allow. Its plain score counts these, this one does not; their difference is the label space, not
    the faces. With all labels present both are equal.

    Args:
        num_classes: Number of classes C.
        score: ``"accuracy"``, ``"macro_f1"`` or ``"uar"`` over the present labels.

    Raises:
        ValueError: If the score is unknown, or predictions are class indices, which cannot be restricted.

    References:
        NeuroGaze-Distill reports 8-way and present-only figures. That the latter restrict predictions is
        our reading: only so can the accuracy of the two differ.

    Examples:
        >>> metric = PresentOnly(3)
        >>> metric.set_present(torch.tensor([True, True, False]))
        >>> metric.update(torch.tensor([[0.1, 0.3, 0.9], [0.5, 0.2, 0.1]]), torch.tensor([1, 0]))
        >>> float(metric.compute())
        1.0
    """

    present: Tensor

    def __init__(self, num_classes: int, *, score: PresentScore = "accuracy") -> None:
        super().__init__(num_classes)
        if score not in _SCORES:
            raise ValueError(f"PresentOnly does not know the score {score!r}: use {', '.join(_SCORES)}.")
        self.score: PresentScore = score
        self.register_buffer("present", torch.ones(num_classes, dtype=torch.bool), persistent=False)

    @property
    def key(self) -> str:
        """E.g. ``present_only_accuracy``."""
        return f"present_only_{self.score}"

    @property
    def protocol(self) -> str:
        """E.g. ``accuracy[predictions restricted to present labels]``."""
        return f"{self.score}[predictions restricted to present labels]"

    def set_present(self, present: Tensor) -> None:
        """Say which labels (C,) the data have; none at all means that nothing is restricted.

        Raises:
            ValueError: If there is not one value for each class.
        """
        if present.shape != (self.num_classes,):
            raise ValueError(
                f"PresentOnly of {self.num_classes} classes was told of {tuple(present.shape)}: give one "
                "boolean for each class."
            )
        known = present.to(self.present)
        self.present.copy_(known if bool(known.any()) else torch.ones_like(known))

    def update(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Count rows.

        Args:
            prediction: Logits (..., C).
            target: Class indices (...), -100 for a row without label.
            weight: Rows (...) of weight 0 are skipped.
        """
        if not prediction.is_floating_point() or prediction.shape[-1:] != (self.num_classes,):
            raise ValueError(
                f"PresentOnly got predictions of shape {tuple(prediction.shape)}, {prediction.dtype}: "
                f"give logits (..., {self.num_classes})."
            )
        super().update(prediction.masked_fill(~self.present, -torch.inf), target, weight)

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        if self.score == "accuracy":
            return self.counts.diagonal().sum().double() / self.counts.sum().clamp(min=1)
        if self.score == "uar":
            return unweighted_average_recall(self.counts)
        return f1_score(self.counts, average="macro")


def tell_present(metrics: MetricCollection, counts: Tensor) -> None:
    """Tell every :class:`PresentOnly` of a collection which labels the data have.

    Args:
        metrics: The collection.
        counts: Items of each class (C,), e.g. ``data.class_counts("test")``.
    """
    for metric in metrics.values(copy_state=False):
        if isinstance(metric, PresentOnly):
            metric.set_present(counts > 0)

"""The rows that a probability metric looks at."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from affectkit.types import IGNORE_LABEL


class LabelledScores(NamedTuple):
    """Labelled rows of one batch.

    Shape:
        - log_probabilities: (N, C) float64
        - label: (N,) int64
    """

    log_probabilities: Tensor
    label: Tensor

    @property
    def confidence(self) -> Tensor:
        """Probability of the answer (N,)."""
        return self.log_probabilities.amax(-1).exp().clamp(max=1.0)

    @property
    def correct(self) -> Tensor:
        """Whether the answer is right (N,) bool."""
        return self.log_probabilities.argmax(-1) == self.label


def labelled_scores(
    prediction: Tensor, target: Tensor, weight: Tensor | None, *, num_classes: int, name: str
) -> LabelledScores:
    """Turn logits into float64 log-probabilities and leave rows without a label out.

    Args:
        prediction: Logits (..., C).
        target: Class indices (...), -100 for a row without label.
        weight: Rows (...) of weight 0 are skipped; a positive weight only keeps its row.
        num_classes: Number of classes C.
        name: Name of the metric, for its errors.

    Raises:
        ValueError: If shapes do not match, or a label lies outside the classes.
    """
    if not prediction.is_floating_point() or prediction.shape != (*target.shape, num_classes):
        raise ValueError(
            f"{name} got predictions {tuple(prediction.shape)} ({prediction.dtype}) for labels "
            f"{tuple(target.shape)}: give logits with a last axis of {num_classes} classes, since class "
            "indices have no probability."
        )
    known = target != IGNORE_LABEL
    if weight is not None:
        known = known & (weight > 0)
    label = target[known]
    if label.numel() and not bool(((label >= 0) & (label < num_classes)).all()):
        raise ValueError(
            f"{name} got labels {int(label.min())}..{int(label.max())} for {num_classes} classes: map labels "
            "to the run's label space, and mark absent ones with -100."
        )
    return LabelledScores(prediction.detach()[known].double().log_softmax(-1), label)

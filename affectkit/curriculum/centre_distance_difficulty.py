"""Difficulty by the distance to the centre of the own class."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from affectkit.functional import ClassSums, class_sums, relative_centre_distance


class CentreDistanceDifficulty:
    r""":func:`affectkit.functional.relative_centre_distance` of the embeddings of the model in training.

    .. math:: d_i = \frac{\delta(z_i, c_{y_i})}{\sum_k \delta(z_i, c_k)}, \qquad
        \delta(a, b) = \frac12 (1 - \cos(a, b))

    up to a small constant, with :math:`c_k` the mean embedding of class k.

    What lies near the centre of its class, and far from the others, is easy. Before each epoch the task
    embeds the training split as in evaluation, which takes about as long as a validation of that size;
    the numbers belong to the epoch, are equal on all ranks and part of a checkpoint, so that a run goes on
    within an epoch with what was drawn. Works for any :class:`~affectkit.tasks.AffectTask` with labels
    whose head gives an embedding.

    References:
        SPCL, official code (caskcsg/SPCL).

    Deviation from the paper:
        A conversation is as hard as its labelled utterances on average; one without a label is as hard
        as the hardest.

    Examples:
        >>> CentreDistanceDifficulty().of_record({"id": "face", "label": 3})
        0.0
    """

    def of_record(self, record: Mapping[str, object]) -> float:
        """0: before the model was asked, every sample counts alike."""
        return 0.0

    def sums(self, embedding: Tensor, label: Tensor, *, num_classes: int) -> ClassSums:
        """Sums of the rows of each class."""
        return class_sums(embedding, label, num_classes=num_classes)

    def of_rows(self, embedding: Tensor, label: Tensor, sums: ClassSums) -> Tensor:
        """Relative distance of each row."""
        return relative_centre_distance(embedding, label, sums)

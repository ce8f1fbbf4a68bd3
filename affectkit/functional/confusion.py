"""Confusion counts."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


def confusion_counts(
    prediction: Tensor, label: Tensor, *, num_classes: int, weight: Tensor | None = None
) -> Tensor:
    """Rows of each (true, predicted) pair of classes.

    Args:
        prediction: Logits with a last axis of classes, or class indices.
        label: True class indices, or -100 for a row without label.
        num_classes: Number of classes C.
        weight: Rows of weight 0 are skipped; a positive weight only keeps its row, since a score
            counts rows.

    Shape:
        - prediction: (..., C), or (...) int64
        - label, weight: (...)
        - output: (C, C) int64, rows = truth

    Raises:
        ValueError: If shapes do not match, or an index lies outside the classes.

    Examples:
        >>> import torch
        >>> confusion_counts(torch.tensor([0, 1, 1]), torch.tensor([0, 0, -100]), num_classes=2).tolist()
        [[1, 1], [0, 0]]
    """
    if prediction.shape == (*label.shape, num_classes):
        prediction = prediction.argmax(-1)
    elif prediction.shape != label.shape or prediction.is_floating_point():
        raise ValueError(
            f"confusion_counts got predictions of shape {tuple(prediction.shape)} ({prediction.dtype}) for "
            f"labels of shape {tuple(label.shape)}; give logits with a last axis of {num_classes} classes, "
            "or integer class indices of the labels' shape."
        )
    counted = label != IGNORE_LABEL
    if weight is not None:
        counted = counted & (weight > 0)
    truth, guess = label[counted], prediction[counted]
    for name, index in (("label", truth), ("prediction", guess)):
        if index.numel() > 0 and (int(index.min()) < 0 or int(index.max()) >= num_classes):
            raise ValueError(
                f"confusion_counts got a {name} outside 0..{num_classes - 1} (they span {int(index.min())}.."
                f"{int(index.max())}); map labels to the run's label space, and mark absent ones with -100."
            )
    counts = torch.bincount(truth * num_classes + guess, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes)

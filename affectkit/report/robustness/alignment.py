"""Accuracy by which modality tells the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from affectkit.functional import confusion_counts, f1_score
from affectkit.types import IGNORE_LABEL

#: Every modality by itself shows what all together show.
CONSISTENT: Final = "consistent"
#: Several of them do, but not all; or none.
MIXED: Final = "mixed"


def label_alignment(label: Tensor, own: Mapping[str, Tensor]) -> list[str]:
    """Which modality by itself shows the label, for each row.

    Args:
        label: Labels given to all modalities together, -100 where unknown.
        own: Labels given to each modality alone, by its name, -100 where unknown.

    Returns:
        For each row ``"consistent"`` where every modality shows the label, the name of a modality where it
        alone does, else ``"mixed"``; ``""`` where a label is unknown.

    Shape:
        - label, own[name]: (...)

    Raises:
        ValueError: If there are less than two modalities.

    Examples:
        >>> shown = {"audio": torch.tensor([1, 1, 0]), "video": torch.tensor([1, 0, 0])}
        >>> label_alignment(torch.tensor([1, 1, 1]), shown)
        ['consistent', 'audio', 'mixed']
    """
    names = sorted(own)
    if len(names) < 2:
        raise ValueError(f"label_alignment got the labels of {names}: give those of at least two modalities.")
    shown = torch.stack([(own[name] == label).flatten() for name in names])
    known = (
        torch.stack([label.flatten(), *(own[name].flatten() for name in names)]).ne(IGNORE_LABEL).all(dim=0)
    )
    found: list[str] = []
    for row, real in zip(shown.T.tolist(), known.tolist(), strict=True):
        told = [name for name, right in zip(names, row, strict=True) if right]
        kind = CONSISTENT if len(told) == len(names) else told[0] if len(told) == 1 else MIXED
        found.append(kind if real else "")
    return found


class AlignmentReport(NamedTuple):
    """Scores on the parts of a test in which the truth is told by one modality, or by all.

    Attributes:
        rows: Rows of each part.
        accuracy: Share that is right in each part.
        weighted_f1: Weighted F1 of each part.
    """

    rows: dict[str, int]
    accuracy: dict[str, float]
    weighted_f1: dict[str, float]

    def gap(self, first: str, second: str) -> float | None:
        """How far the accuracies of two parts are apart, :math:`|a_1 - a_2|`; None where one has no row."""
        if first not in self.accuracy or second not in self.accuracy:
            return None
        return abs(self.accuracy[first] - self.accuracy[second])

    def reliance(self, name: str) -> float | None:
        r"""How much the model listens to a modality, :math:`a_m / \sum_k a_k` over the single modalities.

        None where it has no row, or nothing is right anywhere.
        """
        single = {part: value for part, value in self.accuracy.items() if part not in (CONSISTENT, MIXED)}
        total = sum(single.values())
        return single[name] / total if name in single and total else None


def alignment_report(
    prediction: Tensor, label: Tensor, alignment: Sequence[str], *, num_classes: int
) -> AlignmentReport:
    """Score a model separately where one modality, or all of them, tell the truth.

    A model that leans on one modality is right where that one tells the truth and wrong where another does.

    Args:
        prediction: Predicted classes.
        label: True classes, -100 where unknown.
        alignment: The part that each row belongs to, e.g. ``"video"``, ``"audio"`` or ``"consistent"``, see
            :func:`label_alignment`; rows with ``""`` are left out.
        num_classes: Number of classes C.

    Shape:
        - prediction, label: (N,) int64; ``alignment`` has N entries.

    Raises:
        ValueError: If the lengths differ.

    References:
        MoSEAR and its benchmark CA-MER. ACM MM 2025. arXiv:2508.01181: the parts "video-aligned",
        "audio-aligned" and "consistent". Rebuilt from its project page; the reliance is ours.

    Examples:
        >>> report = alignment_report(
        ...     torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]), ["audio", "audio", "video"], num_classes=2
        ... )
        >>> report.accuracy, report.gap("audio", "video"), report.reliance("audio")
        ({'audio': 1.0, 'video': 0.0}, 1.0, 1.0)
    """
    if not len(prediction) == len(label) == len(alignment):
        raise ValueError(
            f"alignment_report got {len(prediction)} predictions, {len(label)} labels and {len(alignment)} "
            "alignments: give one of each for every row."
        )
    rows: dict[str, int] = {}
    accuracy: dict[str, float] = {}
    weighted: dict[str, float] = {}
    for part in sorted(set(alignment) - {""}):
        inside = torch.tensor([name == part for name in alignment], device=label.device)
        counts = confusion_counts(prediction[inside], label[inside], num_classes=num_classes)
        total = int(counts.sum())
        if not total:
            continue
        rows[part] = total
        accuracy[part] = float(counts.diagonal().sum()) / total
        weighted[part] = float(f1_score(counts, average="weighted"))
    return AlignmentReport(rows, accuracy, weighted)

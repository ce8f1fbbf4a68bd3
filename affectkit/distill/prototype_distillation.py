"""A student's features, likened to a teacher's prototypes of valence and arousal."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.distill.prototype_grid import VAPrototypeGrid
from affectkit.distill.student_projection import StudentProjection
from affectkit.distill.teacher_part import teacher_part
from affectkit.distill.va_cells import cell_index, unit_va
from affectkit.functional import gaussian_cells, prototype_divergence_rows
from affectkit.labels import LabelSpace, UnknownLabelError, ValenceArousalWheel, affect_scale, label_space
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target

#: Cells around the class's anchor, the one cell nearest to it, or cells around the teacher's own V/A.
PrototypeTarget: TypeAlias = Literal["anchor", "nearest", "teacher"]


class PrototypeDistillationLoss(nn.Module):
    r"""Divergence of the cells that a sample should be like from the cells that its feature is like.

    .. math:: L = \frac1N \sum_i \mathrm{KL}\!\left(q_i \,\middle\|\,
        \mathrm{softmax}_k \frac{\cos(f_i, p_k)}{\tau}\right), \qquad
        q_{ik} \propto e^{-\lVert a_i - c_k \rVert^2 / 2 h^2}

    with :math:`a_i` the valence and arousal of the sample's class (``"anchor"``), or what a teacher says
    of the sample (``"teacher"``); with ``"nearest"`` all of q lies on the cell nearest to the anchor.

    Args:
        grid: The prototypes, or the file that they were saved to.
        target: Which of the three.
        space: Label space, or its registered name, whose labels' places on the wheel are the anchors.
        anchors: Valence and arousal of each class instead, in -1..1.
        student_dim: Width of the student's embedding, where it is not that of the prototypes: a linear
            map to theirs is then learnt with the student.
        temperature: :math:`\tau`.
        bandwidth: h, in -1..1.
        teacher_scale: Scale of the teacher's values. Predictions may leave it by half its width.

    Shape:
        - output.embedding: (B, D) or (B, U, D)
        - target.label: (B,) or (B, U), -100 = absent
        - views["teacher_dims"] or target.extra["teacher_dims"]: (B, A) or (B, U, A), NaN = absent

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.
        UnknownLabelError: If a label of ``space`` is not on the wheel.

    References:
        NeuroGaze-Distill, whose q is only said to be "derived from the prototypes".

    Deviation from the paper:
        The rules for q and the bandwidth are this library's, as no public text states the paper's.

    Examples:
        >>> loss = PrototypeDistillationLoss(VAPrototypeGrid.random(6), anchors=[(0.8, 0.4), (-0.8, 0.0)])
        >>> output = AffectOutput(embedding=torch.ones(2, 6))
        >>> terms = loss(output, Target(label=torch.tensor([1, -100])))
        >>> float(terms.weight), bool(terms.total > 0)
        (1.0, True)
    """

    prototypes: Tensor
    centres: Tensor
    class_target: Tensor

    def __init__(
        self,
        grid: VAPrototypeGrid | str | os.PathLike[str],
        *,
        target: PrototypeTarget = "anchor",
        space: str | LabelSpace | None = None,
        anchors: Sequence[Sequence[float]] | None = None,
        student_dim: int | None = None,
        temperature: float = 0.9,
        bandwidth: float = 0.35,
        teacher_scale: str = "va.unit",
    ) -> None:
        super().__init__()
        if target not in ("anchor", "nearest", "teacher") or not (temperature > 0 and bandwidth > 0):
            raise ValueError(
                f"PrototypeDistillationLoss got target={target!r}, temperature={temperature}, "
                f"bandwidth={bandwidth}: use 'anchor', 'nearest' or 'teacher', and numbers above 0."
            )
        if (target == "teacher") != (space is None and anchors is None) or (space is not None and anchors):
            raise ValueError(
                f"PrototypeDistillationLoss with target={target!r} got space={space!r} and "
                f"{'no ' if anchors is None else ''}anchors: 'anchor' and 'nearest' need one of the two, "
                "'teacher' neither."
            )
        read = grid if isinstance(grid, VAPrototypeGrid) else VAPrototypeGrid.load(grid)
        self.target = target
        self.temperature = temperature
        self.bandwidth = bandwidth
        self.teacher_scale = affect_scale(teacher_scale)
        self.projection = StudentProjection(student_dim, read.feature_dim, loss="PrototypeDistillationLoss")
        self.register_buffer("prototypes", read.prototypes)
        self.register_buffer("centres", read.centres.float())
        points = _points(_on_wheel(space) if space is not None else anchors or ())
        if target == "nearest":
            shares = F.one_hot(cell_index(points, read.cells), read.cells**2).double()
        else:
            shares = gaussian_cells(points, read.centres, bandwidth=bandwidth)
        self.register_buffer("class_target", shares.float())

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare embeddings with cells; rows of weight 0 and absent targets add nothing."""
        features = self.projection(output.embedding)
        if self.target == "teacher":
            shares, known = self._from_teacher(output, target)
        else:
            shares, known = self._from_classes(target)
        if known.shape != features.shape[:-1]:
            raise ValueError(
                f"PrototypeDistillationLoss got embeddings of shape {tuple(features.shape)} for targets of "
                f"shape {tuple(known.shape)}: give one embedding a row."
            )
        counted = known & real_rows(target, known)
        # Filled before anything is computed, so that what an absent row holds reaches nothing.
        features = features.masked_fill(~counted.unsqueeze(-1), 0.0)
        rows = prototype_divergence_rows(
            features,
            self.prototypes,
            shares.masked_fill(~counted.unsqueeze(-1), 0.0),
            temperature=self.temperature,
        )
        total, number = mean_over_rows(rows, counted, target.weight)
        return LossTerms(total, {"prototype": total.detach()}, number)

    def _from_classes(self, target: Target) -> tuple[Tensor, Tensor]:
        label = target.label
        if label is None:
            raise ValueError(
                f"PrototypeDistillationLoss with target={self.target!r} needs labels, which the batch lacks: "
                "add them, or use target='teacher'."
            )
        known = label != IGNORE_LABEL
        wrong = label[known & ((label < 0) | (label >= len(self.class_target)))]
        if len(wrong):
            raise ValueError(
                f"PrototypeDistillationLoss got label {int(wrong[0])}, and it has anchors of "
                f"{len(self.class_target)} classes: give labels from 0 on, {IGNORE_LABEL} where absent."
            )
        return self.class_target[label.masked_fill(~known, 0)], known

    def _from_teacher(self, output: AffectOutput, target: Target) -> tuple[Tensor, Tensor]:
        values = teacher_part(output, target, "teacher_dims", loss="PrototypeDistillationLoss")
        scale = self.teacher_scale
        half = (scale.high - scale.low) / 2
        known = ~values.isnan().any(-1) & real_rows(target, values[..., 0])
        # Outside by that much is not a bold prediction, but another scale.
        if bool((known.unsqueeze(-1) & ((values < scale.low - half) | (values > scale.high + half))).any()):
            raise ValueError(
                "PrototypeDistillationLoss got valence or arousal of a teacher far outside scale "
                f"{scale.name!r}, {scale.low:g}..{scale.high:g}: name the teacher's scale in teacher_scale."
            )
        points = unit_va(values.clamp(scale.low, scale.high), scale)
        shares = gaussian_cells(points.to(self.centres), self.centres, bandwidth=self.bandwidth)
        return shares, known


def _on_wheel(space: str | LabelSpace) -> list[tuple[float, float]]:
    labels = label_space(space) if isinstance(space, str) else space
    try:
        return ValenceArousalWheel().anchors(labels)
    except UnknownLabelError as error:
        raise UnknownLabelError(
            f"PrototypeDistillationLoss has no place for the labels of {labels.name!r} "
            f"({str(error).partition(':')[0]}): give anchors, valence and arousal of each label in -1..1."
        ) from error


def _points(anchors: Sequence[Sequence[float]]) -> Tensor:
    for place, anchor in enumerate(anchors):
        if len(anchor) != 2 or not all(math.isfinite(value) for value in anchor):
            raise ValueError(
                f"PrototypeDistillationLoss got the anchor {tuple(anchor)} for class {place}: give valence "
                "and arousal, both finite."
            )
    rows = torch.tensor([list(anchor) for anchor in anchors], dtype=torch.float64).reshape(-1, 2)
    return unit_va(rows, affect_scale("va.unit"))

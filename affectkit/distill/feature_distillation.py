"""A student's features, brought near a teacher's."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

from affectkit.distill.student_projection import StudentProjection
from affectkit.distill.teacher_part import teacher_part
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import AffectOutput, LossTerms, Target

#: One minus the cosine, or the mean square difference.
FeatureDistance: TypeAlias = Literal["cosine", "mse"]


class FeatureDistillationLoss(nn.Module):
    r"""Distance of the student's embedding f, projected where asked for, from the teacher's feature t.

    .. math:: \ell_{cosine} = 1 - \cos(W f, t), \qquad \ell_{mse} = \frac1D \lVert W f - t \rVert^2

    Args:
        student_dim: Width of the student's embedding; with ``teacher_dim`` a linear map W is learnt.
        teacher_dim: Width of the teacher's features.
        distance: ``"cosine"``, which knows no length, or ``"mse"``.

    Shape:
        - output.embedding: (B, D') or (B, U, D')
        - views["teacher_embedding"] or target.extra["teacher_embedding"]: (B, D) or (B, U, D), NaN = absent

    Raises:
        ValueError: If an option is out of range, or output and teacher differ in shape.

    References:
        Adriana Romero, Nicolas Ballas, Samira Ebrahimi Kahou, Antoine Chassang, Carlo Gatta, Yoshua
        Bengio. FitNets: Hints for Thin Deep Nets. ICLR 2015. arXiv:1412.6550.

    Deviation from the paper:
        There it is the square error of a middle layer, learnt in a stage of its own.

    Examples:
        >>> output = AffectOutput(
        ...     embedding=torch.tensor([[2.0, 0.0]]), views={"teacher_embedding": torch.tensor([[0.0, 1.0]])}
        ... )
        >>> [FeatureDistillationLoss(distance=d)(output, Target()).total.item() for d in ("cosine", "mse")]
        [1.0, 2.5]
    """

    def __init__(
        self,
        student_dim: int | None = None,
        teacher_dim: int | None = None,
        *,
        distance: FeatureDistance = "cosine",
    ) -> None:
        super().__init__()
        if distance not in ("cosine", "mse"):
            raise ValueError(f"FeatureDistillationLoss got distance={distance!r}: use 'cosine' or 'mse'.")
        self.distance = distance
        self.projection = StudentProjection(student_dim, teacher_dim, loss="FeatureDistillationLoss")

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare embeddings; rows without a teacher's and rows of weight 0 add nothing."""
        teacher = teacher_part(output, target, "teacher_embedding", loss="FeatureDistillationLoss").detach()
        student = self.projection(output.embedding)
        if student.shape != teacher.shape:
            width = teacher.shape[-1]
            if isinstance(self.projection.linear, nn.Linear):
                remedy = f"set teacher_dim to {width}"
            else:
                remedy = f"give student_dim={student.shape[-1]} and teacher_dim={width} to learn a linear map"
            raise ValueError(
                f"FeatureDistillationLoss got student features of shape {tuple(student.shape)} for teacher "
                f"features of shape {tuple(teacher.shape)}: {remedy}."
            )
        counted = ~teacher.isnan().any(-1)
        counted = counted & real_rows(target, counted)
        gap = ~counted.unsqueeze(-1)
        student = student.to(torch.promote_types(student.dtype, torch.float32)).masked_fill(gap, 0.0)
        goal = teacher.to(student.dtype).masked_fill(gap, 0.0)
        if self.distance == "mse":
            rows = (student - goal).square().mean(-1)
        else:
            rows = 1 - F.cosine_similarity(student, goal, dim=-1)
        total, number = mean_over_rows(rows, counted, target.weight)
        return LossTerms(total, {"feature_distillation": total.detach()}, number)

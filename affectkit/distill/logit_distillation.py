"""A student's scores, brought near a teacher's."""

from __future__ import annotations

from torch import nn

from affectkit.distill.teacher_part import teacher_part
from affectkit.functional import logit_distillation_rows
from affectkit.functional.logit_distillation import LogitDistance
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import AffectOutput, LossTerms, Target


class LogitDistillationLoss(nn.Module):
    r"""Divergence from a teacher's softened distribution, or square error of the logits themselves.

    .. math:: L = \frac{T^2}{N} \sum_i \sum_c p_{ic} \log \frac{p_{ic}}{q_{ic}}, \qquad
        p_i = \mathrm{softmax}(t_i / T), \quad q_i = \mathrm{softmax}(z_i / T)

    or :math:`\frac{1}{N C} \sum_i \lVert z_i - t_i \rVert^2`.

    The rows are those of :func:`affectkit.functional.logit_distillation_rows`. Labels are not needed:
    every row for which the teacher has an answer counts.

    Args:
        distance: ``"kl"``, or ``"mse"``, which NeuroGaze-Distill trains with.
        temperature: T of the divergence.

    Shape:
        - output.logits: (B, C) or (B, U, C)
        - views["teacher_logits"] or target.extra["teacher_logits"]: the same, NaN = absent

    Raises:
        ValueError: If an option is out of range, or the two have different shapes.

    References:
        Geoffrey Hinton, Oriol Vinyals, Jeff Dean. Distilling the Knowledge in a Neural Network.
        arXiv:1503.02531.

    Examples:
        >>> import torch
        >>> output = AffectOutput(logits=torch.zeros(1, 2), views={"teacher_logits": torch.ones(1, 2)})
        >>> [LogitDistillationLoss(distance=way)(output, Target()).total.item() for way in ("kl", "mse")]
        [0.0, 1.0]
    """

    def __init__(self, *, distance: LogitDistance = "kl", temperature: float = 5.0) -> None:
        super().__init__()
        if distance not in ("kl", "mse") or not temperature > 0:
            raise ValueError(
                f"LogitDistillationLoss got distance={distance!r}, temperature={temperature}: use 'kl' or "
                "'mse', and a temperature above 0."
            )
        self.distance: LogitDistance = distance
        self.temperature = temperature

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare logits with the teacher's; rows without them and rows of weight 0 add nothing."""
        teacher = teacher_part(output, target, "teacher_logits", loss="LogitDistillationLoss")
        logits = output.logits
        if logits is None or logits.shape != teacher.shape:
            raise ValueError(
                "LogitDistillationLoss got logits of shape "
                f"{None if logits is None else tuple(logits.shape)} for teacher logits of shape "
                f"{tuple(teacher.shape)}: student and teacher need one label space."
            )
        counted = ~teacher.isnan().any(-1)
        counted = counted & real_rows(target, counted)
        gap = ~counted.unsqueeze(-1)
        rows = logit_distillation_rows(
            logits.masked_fill(gap, 0.0),
            teacher.masked_fill(gap, 0.0),
            distance=self.distance,
            temperature=self.temperature,
        )
        total, number = mean_over_rows(rows, counted, target.weight)
        return LossTerms(total, {"logit_distillation": total.detach()}, number)

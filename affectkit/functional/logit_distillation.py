"""How far a student's scores are from a teacher's, row by row."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

#: Divergence of softened distributions, or square error of the scores themselves.
LogitDistance: TypeAlias = Literal["kl", "mse"]


def logit_distillation_rows(
    logits: Tensor, teacher: Tensor, *, distance: LogitDistance = "kl", temperature: float = 1.0
) -> Tensor:
    r"""Distance of each row from the teacher's; no gradient reaches the teacher.

    .. math:: \ell_{kl} = T^2 \sum_c p_c \log \frac{p_c}{q_c}, \quad p = \mathrm{softmax}(t / T),
        \; q = \mathrm{softmax}(z / T); \qquad \ell_{mse} = \frac1C \sum_c (z_c - t_c)^2

    Args:
        logits: Student's scores z.
        teacher: Teacher's scores t.
        distance: ``"kl"`` or ``"mse"``.
        temperature: T; ``"mse"`` has none.

    Shape:
        - logits, teacher: (..., C)
        - output: (...) in float32, or float64 where ``logits`` are

    References:
        Geoffrey Hinton, Oriol Vinyals, Jeff Dean. Distilling the Knowledge in a Neural Network.
        arXiv:1503.02531.

    Examples:
        >>> import torch
        >>> logit_distillation_rows(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2), distance="mse").item()
        5.0
    """
    student = logits.to(torch.promote_types(logits.dtype, torch.float32))
    taught = teacher.detach().to(student.dtype)
    if distance == "mse":
        return (student - taught).square().mean(-1)
    goal, own = (taught / temperature).log_softmax(-1), (student / temperature).log_softmax(-1)
    return temperature**2 * (goal.exp() * (goal - own)).sum(-1)

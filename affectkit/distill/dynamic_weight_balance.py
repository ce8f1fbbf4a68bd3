"""Truth first, the teacher as far as it can be trusted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.distill.confidence import Confidence, LabelConfidence
from affectkit.distill.teacher_part import find_teacher_part
from affectkit.distributed import all_reduce_sum
from affectkit.losses.rows import real_rows, row_like
from affectkit.types import IGNORE_LABEL, AffectOutput, Loss, LossTerms, Target


class DynamicWeightBalance(nn.Module):
    r"""Any loss against the truth and against a teacher, mixed by the teacher's present confidence.

    .. math:: L = \lambda_{truth} (1 - W)\, L_{task}(s, y) + \lambda_{teacher} W\, L_{task}(s, t)
        + \lambda_{self} L_{task}(t, y), \qquad W = \operatorname*{mean}_i w_i

    with :math:`w_i` what :class:`~affectkit.distill.LabelConfidence` or
    :class:`~affectkit.distill.DimensionConfidence` says of row i. Neither W nor the answers t that the
    student is compared with carry a gradient; the last term, for a teacher that is trained in the same
    run, does. A batch without any truth has W = 0. Rows without truth imitate the teacher as well, with
    the W of the batch.

    Args:
        task_loss: What compares an output with a target.
        confidence: Trust in the teacher, row by row; the probability of the true label by default.
        imitation_loss: Compares the student with the teacher instead of ``task_loss``: the target then
            has the teacher's best label, its probabilities as distribution, and its dims.
        truth_weight: :math:`\lambda_{truth}`.
        imitation_weight: :math:`\lambda_{teacher}`.
        teacher_weight: :math:`\lambda_{self}`.
        per_sample: Whether every row is mixed by its own :math:`w_i`. Not for losses over moments.
        gather: Whether W is that of all ranks' rows. Then the loss is collective.

    Shape:
        - output: what ``task_loss`` reads, and the teacher's in ``views`` (or in ``target.extra``):
          teacher_logits, teacher_dims, teacher_embedding

    Raises:
        ValueError: If a weight is negative, or there is no teacher.

    References:
        SimVG, its dynamic weight-balance distillation between two branches of one network.

    Examples:
        >>> from affectkit.losses import ClassificationLoss
        >>> loss = DynamicWeightBalance(ClassificationLoss(2), truth_weight=1.0)
        >>> output = AffectOutput(
        ...     logits=torch.zeros(1, 2), views={"teacher_logits": torch.tensor([[0.0, 1.0986]])}
        ... )
        >>> terms = loss(output, Target(label=torch.tensor([1])))
        >>> round(terms.terms["trust"].item(), 3), round(terms.total.item(), 4)
        (0.75, 0.6931)
    """

    def __init__(
        self,
        task_loss: Loss,
        *,
        confidence: Confidence | None = None,
        imitation_loss: Loss | None = None,
        truth_weight: float = 2.0,
        imitation_weight: float = 1.0,
        teacher_weight: float = 0.0,
        per_sample: bool = False,
        gather: bool = True,
    ) -> None:
        super().__init__()
        if min(truth_weight, imitation_weight, teacher_weight) < 0:
            raise ValueError(
                f"DynamicWeightBalance got truth_weight={truth_weight}, imitation_weight={imitation_weight}, "
                f"teacher_weight={teacher_weight}: give weights of 0 or more."
            )
        self.task_loss = task_loss
        self.confidence = confidence or LabelConfidence()
        # None stays None: a module under two names would stand twice in the state dict.
        self.imitation_loss = imitation_loss
        self.truth_weight = truth_weight
        self.imitation_weight = imitation_weight
        self.teacher_weight = teacher_weight
        self.per_sample = per_sample
        self.gather = gather

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Mix the two losses; what they leave out stays left out."""
        teacher = AffectOutput(
            logits=find_teacher_part(output, target, "teacher_logits"),
            dims=find_teacher_part(output, target, "teacher_dims"),
            embedding=find_teacher_part(output, target, "teacher_embedding"),
        )
        if teacher.logits is None and teacher.dims is None:
            raise ValueError(
                "DynamicWeightBalance needs 'teacher_logits' or 'teacher_dims', which neither the model's "
                "views nor the batch's extra targets hold: run the teacher in the step, or store its outputs."
            )
        real = real_rows(target, row_like(target))
        with torch.no_grad():
            trust = self.confidence.rows(teacher, target).detach()
            trust = trust.masked_fill(~real, torch.nan)
            mean = self._mean(trust)
        truth, imitated = target, teacher_target(teacher, target)
        kept: Tensor | float = 1 - mean
        followed: Tensor | float = mean
        if self.per_sample:
            own = trust.nan_to_num()
            rows = torch.ones_like(own) if target.weight is None else target.weight.to(own.dtype)
            truth = truth._replace(weight=rows * (1 - own))
            imitated = imitated._replace(weight=rows * own)
            kept = followed = 1.0
        number = real.sum().clamp(min=1)
        imitate = self.task_loss if self.imitation_loss is None else self.imitation_loss
        followed = followed * _sum(imitate(output, imitated))
        parts = {
            "truth": self.truth_weight * kept * _sum(self.task_loss(output, truth)) / number,
            "imitation": self.imitation_weight * followed / number,
        }
        if self.teacher_weight > 0:
            parts["teacher"] = self.teacher_weight * _sum(self.task_loss(teacher, target)) / number
        total = torch.stack(list(parts.values())).sum()
        terms = {name: part.detach() for name, part in parts.items()} | {"trust": mean}
        return LossTerms(total, terms, real.sum().to(total.dtype))

    def _mean(self, trust: Tensor) -> Tensor:
        both = torch.stack([trust.nansum(), (~trust.isnan()).sum().to(trust.dtype)])
        summed = all_reduce_sum(both) if self.gather else both
        return summed[0] / summed[1].clamp(min=1)


def teacher_target(teacher: AffectOutput, target: Target) -> Target:
    """What a teacher says, as a target of the same rows; absent where the teacher is.

    Examples:
        >>> said = teacher_target(AffectOutput(logits=torch.tensor([[0.0, 2.0]])), Target())
        >>> said.label
        tensor([1])
    """
    label = distribution = None
    if teacher.logits is not None:
        logits = teacher.logits.detach()
        label = logits.argmax(-1).masked_fill(logits.isnan().any(-1), IGNORE_LABEL)
        distribution = logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(-1)
    dims = None if teacher.dims is None else teacher.dims.detach()
    return Target(label=label, dims=dims, distribution=distribution, weight=target.weight)


def _sum(loss: LossTerms) -> Tensor:
    # Sums over rows, divided once below: separate divisors would not add up over ranks.
    return loss.total * loss.weight

"""Cross entropy over class labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectkit.functional import class_weights, cross_entropy_rows
from affectkit.functional.class_weights import ClassWeightScheme
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class ClassificationLoss(nn.Module):
    r"""Cross entropy with class weights, label smoothing and focal modulation.

    .. math:: L = \frac{1}{N} \sum_{i=1}^{N} w_i\, \ell(z_i, y_i)

    with :math:`N` the labelled rows and :math:`\ell` of
    :func:`affectkit.functional.cross_entropy_rows`.

    Note:
        torch's weighted cross entropy divides by the sum of the class weights of the batch; here
        the divisor is the number of labelled rows, so that sums over ranks and accumulation steps
        divided once equal a single batch. With :func:`affectkit.functional.class_weights` the two
        agree over the whole training split, where the mean weight is 1.

    Args:
        num_classes: Number of classes C.
        class_weight: Weight of each class; may also be set later by :meth:`set_class_weights`, and
            is part of the state dict either way.
        label_smoothing: Mass spread evenly over the classes, in [0, 1).
        gamma: Focal exponent; 0 is plain cross entropy.
        head: Name of a further head: ``output.extra[head]`` is compared with
            ``target.extra[head]`` instead of the main logits and labels.

    Shape:
        - output.logits: (B, C) or (B, U, C)
        - target.label: (B,) or (B, U)

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        Tsung-Yi Lin, Priya Goyal, Ross Girshick, Kaiming He, Piotr Dollár. Focal Loss for Dense
        Object Detection. ICCV 2017. arXiv:1708.02002.

    Examples:
        >>> import torch
        >>> loss = ClassificationLoss(4)
        >>> target = Target(label=torch.tensor([2, -100]))
        >>> total, terms, weight = loss(AffectOutput(logits=torch.zeros(2, 4)), target)
        >>> round(float(total), 4), float(weight)
        (1.3863, 1.0)
    """

    class_weight: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        class_weight: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        gamma: float = 0.0,
        head: str | None = None,
    ) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0 or gamma < 0.0:
            raise ValueError(
                f"ClassificationLoss got label_smoothing={label_smoothing}, gamma={gamma}; "
                "give a smoothing in [0, 1) and a gamma of 0 or more."
            )
        weights = [1.0] * num_classes if class_weight is None else list(class_weight)
        if len(weights) != num_classes or min(weights, default=-1.0) < 0:
            raise ValueError(
                f"ClassificationLoss got {len(weights)} class weights {weights} for {num_classes} classes; "
                "give one weight of 0 or more per class."
            )
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.gamma = gamma
        self.head = head
        self.register_buffer("class_weight", torch.tensor(weights, dtype=torch.float32))

    def set_class_weights(self, counts: Tensor | Sequence[int], scheme: ClassWeightScheme) -> None:
        """Weight the classes by their counts in the training split.

        Args:
            counts: Rows of each class, (C,).
            scheme: See :func:`affectkit.functional.class_weights`.
        """
        weights = class_weights(counts, scheme)
        if weights.shape != self.class_weight.shape:
            raise ValueError(
                f"ClassificationLoss.set_class_weights got {len(weights)} counts for {self.num_classes} "
                "classes; give the counts of the run's label space."
            )
        self.class_weight.copy_(weights)

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare logits with labels; -100 and rows of weight 0 add nothing."""
        if self.head is None:
            logits, label = output.logits, target.label
        else:
            logits = (output.extra or {}).get(self.head)
            label = (target.extra or {}).get(self.head)
        name = "logits and labels" if self.head is None else f"extra {self.head!r}"
        if logits is None or label is None:
            missing = "model's output" if logits is None else "batch's target"
            raise ValueError(f"ClassificationLoss compares {name}, which the {missing} lacks; add it there.")
        if logits.shape != (*label.shape, self.num_classes):
            raise ValueError(
                f"ClassificationLoss got {name} of shapes {tuple(logits.shape)} and {tuple(label.shape)}; "
                f"give logits with a last axis of {self.num_classes} classes."
            )
        counted = real_rows(target, label) & (label != IGNORE_LABEL)
        rows = cross_entropy_rows(
            logits,
            label.masked_fill(~counted, IGNORE_LABEL),
            class_weight=self.class_weight,
            label_smoothing=self.label_smoothing,
            gamma=self.gamma,
        )
        total, number = mean_over_rows(rows, counted, target.weight)
        term = "classification" if self.head is None else f"classification_{self.head}"
        return LossTerms(total, {term: total.detach()}, number)

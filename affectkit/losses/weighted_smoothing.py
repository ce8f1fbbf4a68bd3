"""Cross entropy with labels smoothed towards the classes that need it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectkit.functional import smoothed_labels, vote_cross_entropy_rows
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class WeightedSmoothingLoss(nn.Module):
    r"""Cross entropy against labels whose uncertain share goes to other classes by weight.

    .. math:: L = -\frac{1}{N} \sum_i \sum_c q_{ic} \log p_{ic}, \qquad q_y = 1 - \epsilon, \quad
        q_k = \epsilon \frac{w_k}{\sum_{j \ne y} w_j}

    Plain label smoothing spreads the share evenly, over the label too:
    :class:`~affectkit.losses.ClassificationLoss`.

    Args:
        class_weight: Weight w of each class, above 0; rare classes usually weigh more.
        label_smoothing: :math:`\epsilon` in [0, 1).

    Shape:
        - output.logits: (B, C) or (B, U, C)
        - target.label: (B,) or (B, U)

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        The loss LSR2 of CLIP-CAER's official code, where it is off by default.

    Examples:
        >>> loss = WeightedSmoothingLoss([1.0, 1.0, 2.0])
        >>> terms = loss(AffectOutput(logits=torch.zeros(1, 3)), Target(label=torch.tensor([0])))
        >>> round(float(terms.total), 4)
        1.0986
    """

    class_weight: Tensor

    def __init__(self, class_weight: Sequence[float], *, label_smoothing: float = 0.2) -> None:
        super().__init__()
        weights = [float(weight) for weight in class_weight]
        if len(weights) < 2 or min(weights) <= 0 or not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"WeightedSmoothingLoss got class_weight={weights}, label_smoothing={label_smoothing}: give "
                "a weight above 0 for each of at least 2 classes, and a smoothing in [0, 1)."
            )
        self.num_classes = len(weights)
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weight", torch.tensor(weights, dtype=torch.float32))

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare logits with labels; -100 and rows of weight 0 add nothing."""
        logits, label = output.logits, target.label
        if logits is None or label is None or logits.shape != (*label.shape, self.num_classes):
            raise ValueError(
                "WeightedSmoothingLoss compares logits with labels, but got the shapes "
                f"{None if logits is None else tuple(logits.shape)} and "
                f"{None if label is None else tuple(label.shape)}; give both, with {self.num_classes} logits "
                "for each label."
            )
        counted = real_rows(target, label) & (label != IGNORE_LABEL)
        goal = smoothed_labels(
            label.masked_fill(~counted, IGNORE_LABEL), self.class_weight, smoothing=self.label_smoothing
        )
        total, number = mean_over_rows(vote_cross_entropy_rows(logits, goal), counted, target.weight)
        return LossTerms(total, {"classification": total.detach()}, number)

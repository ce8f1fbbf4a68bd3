"""Cross entropy on scores that vary more for rare classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectkit.functional import cross_entropy_rows
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class LogitVariationLoss(nn.Module):
    r"""Cross entropy on scores to which training adds noise, most where a class is rare (BLV).

    .. math:: L = \frac{1}{N} \sum_i -\log \mathrm{softmax}(\tilde z_i)_{y_i}, \qquad
        \tilde z_{ic} = z_{ic} + \frac{f_c}{\max_k f_k} \min(1, |\epsilon_{ic}|), \quad
        f_c = \log \frac{\sum_k n_k}{n_c}, \quad \epsilon_{ic} \sim \mathcal{N}(0, \sigma^2)

    Scores of rare classes vary more, which widens the region that a rare class has among the features.
    Evaluation adds no noise. It is drawn as dropout is: a task seeds it for each step.

    Args:
        class_counts: Training samples :math:`n_c` of each class, at least one.
        sigma: Deviation of the noise before it is cut off at 1; 0 = plain cross entropy.

    Shape:
        - output.logits: (B, C) or (B, U, C)
        - target.label: (B,) or (B, U)

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        - Y. Wang et al. Balancing Logit Variation for Long-tailed Semantic Segmentation. CVPR 2023.
          arXiv:2306.02061
        - The loss BlvLoss of CLIP-CAER's official code, where it is off by default.

    Deviation from the paper:
        The official code adds noise in evaluation as well, where it only blurs the loss.

    Examples:
        >>> loss = LogitVariationLoss([90, 10]).eval()
        >>> terms = loss(AffectOutput(logits=torch.zeros(1, 2)), Target(label=torch.tensor([0])))
        >>> round(float(terms.total), 4), [round(value, 3) for value in loss.variation.tolist()]
        (0.6931, [0.046, 1.0])
    """

    variation: Tensor

    def __init__(self, class_counts: Sequence[int], *, sigma: float = 4.0) -> None:
        super().__init__()
        counts = list(class_counts)
        if len(counts) < 2 or min(counts) < 1 or not 0.0 <= sigma < math.inf:
            raise ValueError(
                f"LogitVariationLoss got class_counts={counts}, sigma={sigma}: give the training samples of "
                "each of at least 2 classes, 1 or more, and a deviation of 0 or more."
            )
        self.num_classes = len(counts)
        self.sigma = sigma
        rarity = [math.log(sum(counts) / count) for count in counts]
        self.register_buffer("variation", torch.tensor([value / max(rarity) for value in rarity]))

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare logits with labels; -100 and rows of weight 0 add nothing."""
        logits, label = output.logits, target.label
        if logits is None or label is None or logits.shape != (*label.shape, self.num_classes):
            raise ValueError(
                "LogitVariationLoss compares logits with labels, but got the shapes "
                f"{None if logits is None else tuple(logits.shape)} and "
                f"{None if label is None else tuple(label.shape)}; give both, with {self.num_classes} logits "
                "for each label."
            )
        if self.training and self.sigma > 0:
            noise = (self.sigma * torch.randn(logits.shape, device=logits.device)).abs().clamp(max=1.0)
            logits = logits + noise * self.variation
        counted = real_rows(target, label) & (label != IGNORE_LABEL)
        rows = cross_entropy_rows(logits, label.masked_fill(~counted, IGNORE_LABEL))
        total, number = mean_over_rows(rows, counted, target.weight)
        return LossTerms(total, {"classification": total.detach()}, number)

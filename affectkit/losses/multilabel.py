"""Binary cross entropy of several labels a sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import AffectOutput, LossTerms, Target


class MultilabelLoss(nn.Module):
    r"""Binary cross entropy, averaged over each row's annotated labels and then over rows.

    .. math:: L = \frac{1}{N} \sum_i \frac{1}{|A_i|} \sum_{c \in A_i}
        -\bigl(w_c\, y_{ic} \log \sigma(z_{ic}) + (1 - y_{ic}) \log(1 - \sigma(z_{ic}))\bigr)

    with :math:`A_i` the annotated labels of row i and :math:`N` the rows that have any.

    Args:
        positive_weight: Weight w of each label where it holds, e.g. how many times more often it does
            not; all 1 where None.
        head: Name of a further head: ``output.extra[head]`` is compared with ``target.extra[head]``
            instead of the main logits and labels.

    Shape:
        - output.logits: (B, C) or (B, U, C)
        - target.multilabel: the same; 0 and 1, or shares between them, NaN = not annotated

    Raises:
        ValueError: If a weight is negative, or output or target lack what is compared.

    Examples:
        >>> target = Target(multilabel=torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan]]))
        >>> terms = MultilabelLoss()(AffectOutput(logits=torch.zeros(2, 2)), target)
        >>> round(float(terms.total), 4), float(terms.weight)
        (0.6931, 1.0)
    """

    positive_weight: Tensor | None

    def __init__(self, *, positive_weight: Sequence[float] | None = None, head: str | None = None) -> None:
        super().__init__()
        if positive_weight is not None and min(positive_weight, default=-1.0) < 0:
            raise ValueError(
                f"MultilabelLoss got positive_weight={list(positive_weight)}: give numbers of 0 or more."
            )
        known = None if positive_weight is None else torch.tensor([float(w) for w in positive_weight])
        self.register_buffer("positive_weight", known)
        self.head = head

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare logits with labels; NaN and rows of weight 0 add nothing."""
        if self.head is None:
            logits, truth = output.logits, target.multilabel
        else:
            logits, truth = (output.extra or {}).get(self.head), (target.extra or {}).get(self.head)
        weight = self.positive_weight
        if (
            logits is None
            or truth is None
            or logits.shape != truth.shape
            or (weight is not None and logits.shape[-1:] != weight.shape)
        ):
            name = "logits with several labels a sample" if self.head is None else f"extra {self.head!r}"
            raise ValueError(
                f"MultilabelLoss compares {name}, but got the shapes "
                f"{None if logits is None else tuple(logits.shape)} and "
                f"{None if truth is None else tuple(truth.shape)}; give both, one column a label"
                f"{'' if weight is None else f', {len(weight)} labels'}."
            )
        real = real_rows(target, truth[..., 0])
        scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
        present = ~truth.isnan() & real.unsqueeze(-1)
        # Filled, not multiplied by 0, so that a NaN reaches neither value nor gradient.
        cells = F.binary_cross_entropy_with_logits(
            scores.masked_fill(~present, 0.0),
            truth.to(scores.dtype).masked_fill(~present, 0.0),
            pos_weight=None if weight is None else weight.to(scores.dtype),
            reduction="none",
        )
        rows = torch.where(present, cells, 0.0).sum(-1) / present.sum(-1).clamp(min=1)
        total, number = mean_over_rows(rows, present.any(-1), target.weight)
        term = "multilabel" if self.head is None else f"multilabel_{self.head}"
        return LossTerms(total, {term: total.detach()}, number)

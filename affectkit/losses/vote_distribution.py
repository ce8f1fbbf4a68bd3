"""Cross entropy over the votes of annotators."""

from __future__ import annotations

import torch
from torch import nn

from affectkit.functional import has_votes, vote_cross_entropy_rows
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import AffectOutput, LossTerms, Target


class VoteDistributionLoss(nn.Module):
    r"""Cross entropy against ``target.distribution``, averaged over the rows that have votes.

    .. math:: L = -\frac1N \sum_i \sum_c q_{ic} \log \mathrm{softmax}(z_i)_c, \qquad
        q_{ic} = \frac{v_{ic}}{\sum_k v_{ik}}

    Args:
        head: Name of a further head: ``output.extra[head]`` is compared with ``target.extra[head]``
            instead of logits and distribution.

    Shape:
        - output.logits: (B, C) or (B, U, C)
        - target.distribution: the same; votes or probabilities, NaN or all 0 = absent

    Raises:
        ValueError: If output or target lack what is compared, their shapes differ, or votes are negative.
            To look at values on another device than the CPU would make it wait: there the loss of negative
            votes is NaN.

    Examples:
        Three annotators of four saw the first class.

        >>> import torch
        >>> from affectkit.types import AffectOutput, Target
        >>> output = AffectOutput(logits=torch.tensor([[1.0, 0.0]]))
        >>> loss = VoteDistributionLoss()(output, Target(distribution=torch.tensor([[3.0, 1.0]])))
        >>> round(float(loss.total), 4)
        0.5633
    """

    def __init__(self, *, head: str | None = None) -> None:
        super().__init__()
        self.head = head

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare logits with votes; absent votes and rows of weight 0 add nothing."""
        if self.head is None:
            logits, votes = output.logits, target.distribution
        else:
            logits, votes = (output.extra or {}).get(self.head), (target.extra or {}).get(self.head)
        if logits is None or votes is None or logits.shape != votes.shape:
            what = "logits with the target's distribution" if self.head is None else f"extra {self.head!r}"
            raise ValueError(
                f"VoteDistributionLoss compares {what}, but got the shapes "
                f"{None if logits is None else tuple(logits.shape)} and "
                f"{None if votes is None else tuple(votes.shape)}; give both, with one column per class."
            )
        counted = has_votes(votes)
        real = real_rows(target, counted)
        negative = (votes < 0).any(-1) & real
        if votes.device.type == "cpu" and bool(negative.any()):
            row = negative.nonzero()[0].tolist()
            raise ValueError(
                f"VoteDistributionLoss got the votes {votes[tuple(row)].tolist()} in row "
                f"{', '.join(map(str, row))}: give numbers of 0 or more, and NaN or all 0 where nobody voted."
            )
        counted = (counted & real) | negative
        votes = votes.masked_fill(~counted.unsqueeze(-1), 0.0)
        rows = vote_cross_entropy_rows(logits, votes).masked_fill(negative, torch.nan)
        total, number = mean_over_rows(rows, counted, target.weight)
        name = "votes" if self.head is None else f"votes_{self.head}"
        return LossTerms(total, {name: total.detach()}, number)

"""Several losses as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from affectkit.losses.follows_progress import FollowsProgress
from affectkit.losses.rows import real_rows, row_like
from affectkit.types import AffectOutput, Loss, LossTerms, Target


class WeightedSum(nn.Module):
    r"""Sum of losses with constant or scheduled weights, over one divisor: the rows of the batch.

    .. math:: L = \frac{1}{N} \sum_k \lambda_k\, n_k L_k

    with :math:`N` the rows of the batch that are not padding and :math:`n_k` what loss :math:`k`
    was divided by. A loss over few annotated rows thus counts by its rows, and ranks and
    accumulation steps add up to the gradient of a single batch, which separate divisors cannot do.

    Args:
        losses: Losses by name; the name is the log key of the term.
        weights: Weight of each loss, a number or a function of training progress in [0, 1] such
            as :class:`affectkit.losses.LinearRamp`; 1 where a name is absent.

    Raises:
        ValueError: If there is no loss, or a weight has no loss.

    Examples:
        >>> import torch
        >>> from affectkit.losses import ClassificationLoss, MSELoss
        >>> loss = WeightedSum({"emotion": ClassificationLoss(2), "va": MSELoss()}, {"va": 0.5})
        >>> output = AffectOutput(logits=torch.zeros(2, 2), dims=torch.ones(2, 1))
        >>> target = Target(label=torch.tensor([0, 1]), dims=torch.tensor([[0.0], [float("nan")]]))
        >>> terms = loss(output, target)
        >>> {name: round(float(term), 4) for name, term in terms.terms.items()}
        {'emotion': 0.6931, 'va': 0.5}
        >>> round(float(terms.total), 4)
        0.9431
    """

    def __init__(
        self,
        losses: Mapping[str, Loss],
        weights: Mapping[str, float | Callable[[float], float]] | None = None,
    ) -> None:
        super().__init__()
        given = dict(weights or {})
        unknown = sorted(given.keys() - losses.keys())
        if unknown or not losses:
            raise ValueError(
                f"WeightedSum got the losses {sorted(losses)} and weights for {unknown} that are none of "
                "them; give at least one loss, and weights by the names of the losses."
            )
        # Sorted, so that the order of summation does not depend on how the mapping was written.
        self.losses: Mapping[str, Loss] = {name: losses[name] for name in sorted(losses)}
        for name, loss in self.losses.items():
            if isinstance(loss, nn.Module):
                self.add_module(f"loss_{name}", loss)
        self.weights = {name: given.get(name, 1.0) for name in self.losses}
        self.progress = 0.0

    def set_progress(self, progress: float) -> None:
        """Tell the schedules how far training is, in [0, 1]; losses that change are told as well."""
        self.progress = progress
        for loss in self.losses.values():
            if isinstance(loss, FollowsProgress):
                loss.set_progress(progress)

    def weight_of(self, name: str) -> float:
        """Weight of a loss at the present progress."""
        weight = self.weights[name]
        return weight(self.progress) if callable(weight) else weight

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Sum the losses; each term is reported before its weight, over the common divisor."""
        number = real_rows(target, row_like(target)).sum()
        totals: list[Tensor] = []
        terms: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            part = loss(output, target)
            share = part.total * part.weight / number.clamp(min=1)
            terms[name] = share.detach()
            totals.append(self.weight_of(name) * share)
        total = torch.stack(totals).sum()
        return LossTerms(total, terms, number.to(total.dtype))

"""Several losses as one, with weights that are learnt."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from affectkit.losses.rows import real_rows, row_like
from affectkit.types import AffectOutput, Loss, LossTerms, Target


class UncertaintyWeightedSum(nn.Module):
    r"""Sum of losses weighted by learnt uncertainties, over one divisor: the rows of the batch.

    .. math:: L = \frac{1}{N} \sum_k n_k \left(\frac{c_k}{\sigma_k^2} L_k + \log \sigma_k\right)

    with :math:`c_k` 1/2 for regressions and 1 for classifications, :math:`N` the rows of the batch that
    are not padding and :math:`n_k` what loss k was divided by. An uncertainty is fitted on the rows that
    have its target: a batch without any moves neither the model nor :math:`\sigma_k`.

    Args:
        losses: Losses by name; the name is the log key of the term.
        regressions: Names of the losses that are means of squares, such as :class:`MSELoss`.

    Raises:
        ValueError: If there is no loss, or ``regressions`` names none of them.

    References:
        Alex Kendall, Yarin Gal, Roberto Cipolla. Multi-Task Learning Using Uncertainty to Weigh Losses
        for Scene Geometry and Semantics. CVPR 2018. arXiv:1705.07115.

    Deviation from the paper:
        The logarithm counts by annotated rows, so that batches of mixed sources do not make a task that
        they lack look certain.

    Examples:
        >>> from affectkit.losses import ClassificationLoss, MSELoss
        >>> parts = {"emotion": ClassificationLoss(2), "va": MSELoss()}
        >>> loss = UncertaintyWeightedSum(parts, regressions=["va"])
        >>> output = AffectOutput(logits=torch.zeros(2, 2), dims=torch.ones(2, 1))
        >>> target = Target(label=torch.tensor([0, 1]), dims=torch.tensor([[0.0], [float("nan")]]))
        >>> round(loss(output, target).total.item(), 4)
        0.9431
    """

    def __init__(self, losses: Mapping[str, Loss], *, regressions: Collection[str] = ()) -> None:
        super().__init__()
        unknown = sorted(set(regressions) - losses.keys())
        if unknown or not losses:
            raise ValueError(
                f"UncertaintyWeightedSum got the losses {sorted(losses)} and regressions {unknown} that are "
                "none of them; give at least one loss, and the names of those over squares."
            )
        # Sorted, so that a stored uncertainty belongs to its loss however the mapping was written.
        self.losses: Mapping[str, Loss] = {name: losses[name] for name in sorted(losses)}
        for name, loss in self.losses.items():
            if isinstance(loss, nn.Module):
                self.add_module(f"loss_{name}", loss)
        self.regressions = frozenset(regressions)
        #: :math:`\log \sigma_k^2` in order of the names.
        self.log_variance = nn.Parameter(torch.zeros(len(losses)))

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Sum the losses; each term is reported before its weight, and its weight beside it."""
        number = real_rows(target, row_like(target)).sum()
        totals: list[Tensor] = []
        terms: dict[str, Tensor] = {}
        for (name, loss), log_variance in zip(self.losses.items(), self.log_variance.unbind()):
            part = loss(output, target)
            share = part.weight / number.clamp(min=1)
            weight = (0.5 if name in self.regressions else 1.0) * torch.exp(-log_variance)
            totals.append(share * (weight * part.total + 0.5 * log_variance))
            terms[name] = (share * part.total).detach()
            terms[f"{name}_weight"] = weight.detach()
        total = torch.stack(totals).sum()
        return LossTerms(total, terms, number.to(total.dtype))

"""Rows of one label alike, rows of different labels apart."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from affectkit.functional import supervised_contrastive_rows
from affectkit.losses.labelled_rows import labelled_rows
from affectkit.losses.rows import mean_over_rows
from affectkit.types import AffectOutput, LossTerms, Target


class SupervisedContrastiveLoss(nn.Module):
    r"""Mean over anchors of the contrast of the others of their label with all others.

    .. math:: L = \frac1N \sum_i \left[ \log \sum_{k \neq i} e^{x_i^\top x_k / \tau}
        - \frac{1}{|P(i)|} \sum_{p \in P(i)} \frac{x_i^\top x_p}{\tau} \right]

    over the N anchors whose label occurs once more in the batch. With ``gather`` the others come from all
    ranks: equal to one batch over any number of ranks, not over accumulated batches.

    Args:
        temperature: :math:`\tau`.
        normalized: Whether vectors are brought to length 1 first.
        views: Names of several views of each row, which all become anchors and are each other's positives;
            none takes the embedding.
        gather: See above. The loss is then collective: all ranks must come to it equally often, in
            validation as well.

    Shape:
        - output.embedding or the views: (B, D) or (B, U, D)
        - target.label: (B,) or (B, U), -100 = absent

    Raises:
        ValueError: If the temperature is not above 0, or output or target lack what is compared.

    References:
        Prannay Khosla, Piotr Teterwak, Chen Wang, Aaron Sarna, Yonglong Tian, Phillip Isola, Aaron
        Maschinot, Ce Liu, Dilip Krishnan. Supervised Contrastive Learning. NeurIPS 2020. arXiv:2004.11362.

    Deviation from the paper:
        An anchor without a positive, which two views of each sample rule out there, does not count here.

    Examples:
        >>> import torch
        >>> terms = SupervisedContrastiveLoss(temperature=1.0)(
        ...     AffectOutput(embedding=torch.eye(3)), Target(label=torch.tensor([0, 0, 1]))
        ... )
        >>> round(float(terms.total), 4), float(terms.weight)
        (0.6931, 2.0)
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        normalized: bool = True,
        views: Sequence[str] = (),
        gather: bool = True,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(
                f"SupervisedContrastiveLoss got temperature={temperature}: give a number above 0, e.g. 0.1."
            )
        self.temperature = temperature
        self.normalized = normalized
        self.views = tuple(views)
        self.gather = gather

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Contrast rows; labels of -100 and rows of weight 0 are neither anchors nor candidates."""
        rows = labelled_rows(
            output,
            target,
            "SupervisedContrastiveLoss",
            views=self.views,
            normalized=self.normalized,
            gather=self.gather,
        )
        if len(rows.candidates) == 0:
            # Alike on every rank: nothing to contrast.
            return LossTerms(rows.nothing, {"contrast": rows.nothing.detach()}, rows.nothing.detach())
        contrast = supervised_contrastive_rows(
            rows.anchors,
            rows.candidates,
            rows.label,
            rows.candidate_label,
            rows.own,
            temperature=self.temperature,
        )
        total, number = mean_over_rows(contrast.loss, contrast.found, rows.weight)
        # Views of one row count as one row in a sum of losses.
        return LossTerms(total, {"contrast": total.detach()}, number / max(1, len(self.views)))

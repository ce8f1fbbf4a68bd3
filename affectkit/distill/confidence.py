"""How far a teacher is to be trusted on each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL, AffectOutput, Target


class Confidence(Protocol):
    """Trust in a teacher on each row: in [0, 1], NaN where nothing tells, of the shape of the rows.

    A method by name, not ``__call__``: on the command line a class is then found by its path.
    """

    def rows(self, teacher: AffectOutput, target: Target) -> Tensor:
        """Compare what ``teacher`` says with the truth."""
        ...


class LabelConfidence:
    """Probability that the teacher gives to the true label.

    Examples:
        >>> teacher = AffectOutput(logits=torch.tensor([[0.0, 0.0], [9.0, 0.0]]))
        >>> LabelConfidence().rows(teacher, Target(label=torch.tensor([1, -100]))).tolist()
        [0.5, nan]
    """

    def rows(self, teacher: AffectOutput, target: Target) -> Tensor:
        """Trust of each row, NaN without a label."""
        logits, label = teacher.logits, target.label
        if logits is None or label is None or logits.shape[:-1] != label.shape:
            raise ValueError(
                "LabelConfidence compares a teacher's logits with labels, but got the shapes "
                f"{None if logits is None else tuple(logits.shape)} and "
                f"{None if label is None else tuple(label.shape)}: give both, or use DimensionConfidence."
            )
        chance = logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(-1)
        known = label != IGNORE_LABEL
        own = chance.gather(-1, label.masked_fill(~known, 0).unsqueeze(-1)).squeeze(-1)
        return own.masked_fill(~known, torch.nan)


class DimensionConfidence:
    r"""Nearness of the teacher's values to the true ones: :math:`\exp(-\overline{|e|} / \sigma)`.

    Args:
        sigma: Mean error over the annotated dimensions at which trust is 1/e, in units of the scale.

    Examples:
        >>> teacher = AffectOutput(dims=torch.tensor([[0.5, 0.0]]))
        >>> truth = Target(dims=torch.tensor([[0.0, torch.nan]]))
        >>> round(DimensionConfidence(0.5).rows(teacher, truth).item(), 4)
        0.3679
    """

    def __init__(self, sigma: float = 0.5) -> None:
        if not sigma > 0:
            raise ValueError(f"DimensionConfidence got sigma={sigma}: give an error above 0.")
        self.sigma = sigma

    def rows(self, teacher: AffectOutput, target: Target) -> Tensor:
        """Trust of each row, NaN without an annotated dimension."""
        values, truth = teacher.dims, target.dims
        if values is None or truth is None or values.shape != truth.shape:
            raise ValueError(
                "DimensionConfidence compares a teacher's dims with the target's, but got the shapes "
                f"{None if values is None else tuple(values.shape)} and "
                f"{None if truth is None else tuple(truth.shape)}: give both, or use LabelConfidence."
            )
        error = (values.to(torch.promote_types(values.dtype, torch.float32)) - truth).abs()
        return torch.exp(-error.nanmean(-1) / self.sigma)


if TYPE_CHECKING:
    _label: Confidence = LabelConfidence()
    _dims: Confidence = DimensionConfidence()

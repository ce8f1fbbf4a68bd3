"""Sums of a teacher's features in each cell, over any number of parts and ranks."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from affectkit.distill.error import PrototypeGridError
from affectkit.distill.va_cells import cell_index, unit_va
from affectkit.distributed import all_reduce_sum
from affectkit.labels import AffectScale, affect_scale

#: Steps to 1 of the whole numbers that are added: they do not depend on the order, as floats do.
_STEPS: Final = 2**36


class PrototypeSums:
    """Sums of features of unit length, cell by cell, which come in parts.

    Each number is added in steps of 2 to the -36, so that equal features give equal sums whatever the
    order of the parts and the number of ranks. A hundred million rows fit.

    Args:
        cells: Cells along each axis.
        scale: Scale of the annotations; -1..1 by default. Further axes are not looked at.
        device: Where sums are kept: that of the collectives, e.g. ``"cuda"`` under NCCL.

    Raises:
        PrototypeGridError: If ``cells`` is below 1.

    Examples:
        >>> sums = PrototypeSums(cells=1)
        >>> sums.update(torch.tensor([[0.0, 3.0]]), torch.tensor([[0.1, -0.1]]))
        >>> sums.update(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.4, 0.9]]))
        >>> means, counts = sums.compute()
        >>> means.tolist(), counts.tolist()
        ([[0.5, 0.5]], [2])
    """

    def __init__(
        self, *, cells: int = 5, scale: AffectScale | None = None, device: torch.device | str = "cpu"
    ) -> None:
        if cells < 1:
            raise PrototypeGridError(f"A prototype grid got cells={cells}: give at least 1 along each axis.")
        self.cells = cells
        self.scale = scale or affect_scale("va.unit")
        self._counts = torch.zeros(cells**2, dtype=torch.int64, device=device)
        self._sums: Tensor | None = None

    @torch.no_grad()
    def update(self, features: Tensor, va: Tensor) -> None:
        """Add features; rows whose valence or arousal is absent are skipped.

        Args:
            features: Teacher's features (n, D), at any length.
            va: Values (n, A) in the order of the scale's axes, NaN or a mark of the scale where absent.

        Raises:
            PrototypeGridError: If shapes do not fit, a value is out of range, or a feature 0 or not finite.
        """
        if features.ndim != 2 or len(va) != len(features):
            raise PrototypeGridError(
                f"A prototype grid got features of shape {tuple(features.shape)} for annotations of shape "
                f"{tuple(va.shape)}: give rows (n, D) and (n, 2)."
            )
        if self._sums is not None and self._sums.shape[1] != features.shape[1]:
            raise PrototypeGridError(
                f"A prototype grid got features of width {features.shape[1]} after features of width "
                f"{self._sums.shape[1]}: use one teacher."
            )
        device = self._counts.device
        if self._sums is None:
            self._sums = torch.zeros(self.cells**2, features.shape[1], dtype=torch.int64, device=device)
        place = unit_va(va.to(device), self.scale)
        kept = ~place.isnan().any(-1)
        rows, index = features.to(device)[kept].double(), cell_index(place[kept], self.cells)
        length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        if not bool((length.isfinite() & (length > 0)).all()):
            raise PrototypeGridError(
                "A prototype grid got a feature that is 0 or not finite: give features of a trained teacher."
            )
        self._sums.index_add_(0, index, (rows / length * _STEPS).round().long())
        self._counts += torch.bincount(index, minlength=self.cells**2)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Means (cells², D) float64 and counts (cells²,) over all ranks; every rank must call it.

        Raises:
            PrototypeGridError: If nothing was counted anywhere, or ranks counted features of several widths.
        """
        # A rank without rows does not know the width; it learns it here and adds nothing. Width and its
        # square tell several widths apart from several ranks of one.
        width = 0 if self._sums is None else self._sums.shape[1]
        seen = self._counts.new_tensor([width > 0, width, width**2])
        ranks, total, square = (int(number) for number in all_reduce_sum(seen).tolist())
        if ranks == 0:
            raise PrototypeGridError("A prototype grid was given no feature: give it the teacher's split.")
        if square * ranks != total**2:
            raise PrototypeGridError(
                "The ranks gave a prototype grid features of several widths: use one teacher on all of them."
            )
        own = self._counts.new_zeros(self.cells**2, total // ranks) if self._sums is None else self._sums
        sums, counts = all_reduce_sum(own), all_reduce_sum(self._counts)
        if not bool(counts.any()):
            raise PrototypeGridError(
                "No feature of the prototype grid has valence and arousal: give it an annotated split."
            )
        means = sums.double() / _STEPS / counts.clamp(min=1).unsqueeze(1)
        return means.cpu(), counts.cpu()

"""Rank statistics of annotations, counted in one pass over any number of shards and ranks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from affectkit.distributed import all_gather_rows
from affectkit.functional import rank_correlation
from affectkit.graph.error import LabelGraphError
from affectkit.labels import AffectScale, LabelSpace
from affectkit.types import IGNORE_LABEL

#: Rows that wait before they are joined with those already counted.
_PENDING = 65_536


class LabelStatistics(NamedTuple):
    """How the nodes of a label graph go together.

    Shape:
        - correlation: (N, N) float64, Spearman's, over the rows in which both are annotated.
        - support: (N,) float64; samples with the label, for soft labels the sum of their shares, and
          samples annotated with the dimension.
    """

    correlation: Tensor
    support: Tensor


class RankStatistics:
    r"""Spearman correlation of categories and dimensions over annotations that come in parts.

    A rank is known only when everything has been seen, so the distinct rows are kept, each with the
    number of its occurrences. That is exact, whatever the order of the parts and the number of ranks:
    equal annotations give equal bits. A hundred thousand distinct rows of 7 labels and 2 dimensions take
    7 MB. Where even that is too much, ``cells`` rounds every dimension to a grid: memory is then bounded,
    and a rank moves by at most half of the rows that share a cell.

    Args:
        space: Label order. Categories are counted one-hot, soft (votes) or several a sample.
        scale: Affect dimensions, their order and range; None where there are only categories.
        cells: Steps of the grid over the scale; None keeps values as they are.
        device: Where rows are kept: that of the collectives, e.g. ``"cuda"`` under NCCL.

    Raises:
        LabelGraphError: If ``cells`` is below 1.

    Examples:
        >>> from affectkit.labels import affect_scale
        >>> space = LabelSpace("mine2.v1", ("sad", "happy"))
        >>> counted = RankStatistics(space, affect_scale("va.unit"))
        >>> counted.update(torch.tensor([0, 1]), torch.tensor([[-0.5, 0.0], [0.3, 0.0]]))
        >>> counted.update(torch.tensor([1]), torch.tensor([[0.9, 0.0]]))
        >>> correlation, support = counted.compute()
        >>> round(correlation[1, 2].item(), 3), support.tolist()
        (0.866, [1.0, 2.0, 3.0, 3.0])
    """

    def __init__(
        self,
        space: LabelSpace,
        scale: AffectScale | None = None,
        *,
        cells: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if cells is not None and cells < 1:
            raise LabelGraphError(
                f"RankStatistics got cells={cells}: give at least 1, or None for exact ranks."
            )
        self.space = space
        self.scale = scale
        self.cells = cells
        width = len(space) + (0 if scale is None else len(scale))
        # Absent is infinity here: unlike NaN it equals itself, so that equal rows are found.
        self._rows = torch.zeros(0, width, dtype=torch.float64, device=device)
        self._counts = torch.zeros(0, dtype=torch.float64, device=device)
        self._parts: list[Tensor] = []
        self._waiting = 0

    @torch.no_grad()
    def update(self, label: Tensor | None, dims: Tensor | None = None) -> None:
        """Count annotations.

        Args:
            label: Indices (n,) int64 with -100 where absent, or shares or 0/1 (n, C) with NaN where
                absent; None where nobody annotated categories.
            dims: Values (n, V) with NaN, or a mark of the scale, where absent; None where there are none.

        Raises:
            LabelGraphError: If a label or a value is out of range, or shapes do not fit.
        """
        given = dims if label is None else label
        if given is None:
            raise LabelGraphError("RankStatistics.update got neither labels nor dims: give at least one.")
        size, classes = len(given), len(self.space)
        rows = self._rows.new_full((size, self._rows.shape[1]), torch.inf)
        if label is not None:
            rows[:, :classes] = self._categories(label.to(rows.device))
        if dims is not None:
            rows[:, classes:] = self._dimensions(dims.to(rows.device), size)
        self._parts.append(rows)
        self._waiting += size
        if self._waiting > max(_PENDING, len(self._rows)):
            self._join()

    def compute(self) -> LabelStatistics:
        """Statistics of everything counted on all ranks; collective, so every rank must call it.

        Raises:
            LabelGraphError: If nothing was counted.
        """
        self._join()
        # Each rank's distinct rows, joined once more: the order of ranks leaves no trace.
        rows, counts = distinct_rows(all_gather_rows(self._rows), all_gather_rows(self._counts))
        if not len(rows):
            raise LabelGraphError(
                f"No annotation was counted for the label graph of {self.space.name!r}: give it the "
                "training split."
            )
        columns = rows.masked_fill(rows.isinf(), torch.nan)
        support = (columns.nan_to_num() * counts.unsqueeze(1)).sum(0)
        present = (~columns.isnan() * counts.unsqueeze(1)).sum(0)
        support[len(self.space) :] = present[len(self.space) :]
        return LabelStatistics(rank_correlation(columns, counts), support)

    def _join(self) -> None:
        if self._parts:
            rows = torch.cat([self._rows, *self._parts])
            fresh = self._counts.new_ones(len(rows) - len(self._counts))
            self._rows, self._counts = distinct_rows(rows, torch.cat([self._counts, fresh]))
            self._parts, self._waiting = [], 0

    def _categories(self, label: Tensor) -> Tensor:
        classes = len(self.space)
        if label.is_floating_point():
            if label.ndim != 2 or label.shape[1] != classes:
                raise LabelGraphError(
                    f"RankStatistics got labels of shape {tuple(label.shape)}: {self.space.name!r} wants "
                    f"indices (n,) or shares (n, {classes})."
                )
            given = label[~label.isnan()]
            outside = given[(given < 0) | (given > 1)]
            if len(outside):
                raise LabelGraphError(
                    f"RankStatistics got a share of {float(outside[0]):g} for labels of {self.space.name!r}: "
                    "give shares or 0/1 in 0..1, NaN where absent."
                )
            return label.double().masked_fill(label.isnan(), torch.inf)
        if label.ndim != 1 or label.dtype == torch.bool:
            raise LabelGraphError(
                f"RankStatistics got labels of shape {tuple(label.shape)} and dtype {label.dtype}: give "
                f"indices (n,) int64, or floating shares (n, {classes}) for soft and multiple labels."
            )
        absent = label == IGNORE_LABEL
        outside = label[~absent & ((label < 0) | (label >= classes))]
        if len(outside):
            raise LabelGraphError(
                f"RankStatistics got label {int(outside[0])}, but {self.space.name!r} has 0..{classes - 1} "
                f"({self.space.order()}): use the label space of the data."
            )
        shares = torch.nn.functional.one_hot(label.long().masked_fill(absent, 0), classes).double()
        return shares.masked_fill(absent.unsqueeze(1), torch.inf)

    def _dimensions(self, dims: Tensor, size: int) -> Tensor:
        scale = self.scale
        if scale is None:
            raise LabelGraphError("RankStatistics got dims but no scale: pass scale, e.g. 'va.unit'.")
        if dims.shape != (size, len(scale)):
            raise LabelGraphError(
                f"RankStatistics got dims of shape {tuple(dims.shape)} for {size} samples: scale "
                f"{scale.name!r} has the axes {', '.join(scale.axes)}, one column each."
            )
        values = dims.double()
        absent = values.isnan()
        for mark in scale.absent:
            absent = absent | (values == mark)
        wrong = (~absent & ~((values >= scale.low) & (values <= scale.high))).nonzero()
        if len(wrong):
            row, axis = wrong[0].tolist()
            raise LabelGraphError(
                f"{scale.axes[axis]} {values[row, axis].item():g} lies outside scale {scale.name!r}, "
                f"{scale.low:g}..{scale.high:g}: use the scale of the data."
            )
        if self.cells is not None:
            step = (scale.high - scale.low) / self.cells
            values = ((values - scale.low) / step).floor().clamp(max=self.cells - 1) * step + scale.low
        return values.masked_fill(absent, torch.inf)


def distinct_rows(rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct rows in ascending order, and the sum of the counts of each."""
    if not len(rows):
        return rows, counts
    kept, place = torch.unique(rows, dim=0, return_inverse=True)
    return kept, torch.zeros(len(kept), dtype=counts.dtype, device=counts.device).index_add(0, place, counts)

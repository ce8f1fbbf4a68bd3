"""How many rows were masked because their samples are damaged, over all ranks."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import DamagedRows
from affectkit.data.loader.damage import over_limit


class DamageCount(Metric):
    """Counts the masked rows of an epoch, exactly for any number of ranks and workers.

    Examples:
        >>> import torch
        >>> from affectkit.data import AffectBatch
        >>> batch = AffectBatch(inputs={}, valid=torch.tensor([True, True]))
        >>> batch.meta["damaged"] = DamagedRows(rows=1, limit=3, reasons={"a": "It is cut."})
        >>> metric = DamageCount()
        >>> metric.update(batch)
        >>> metric.compute().item()
        1.0
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("rows", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self._limits: dict[object, int] = {}
        self._reasons: dict[str, str] = {}

    def update(self, batch: AffectBatch) -> None:
        """Add what was masked in a batch; one that says nothing about damage counts for nothing."""
        found = batch.meta.get("damaged")
        if isinstance(found, DamagedRows):
            self.rows += found.rows
            # each source of a mixture has a limit of its own
            self._limits[batch.meta.get("source")] = found.limit
            self._reasons.update(found.reasons)

    def compute(self) -> Tensor:
        """Rows masked on all ranks."""
        return self.rows

    def reset(self) -> None:
        """Begin anew."""
        super().reset()
        self._limits, self._reasons = {}, {}

    def check(self) -> None:
        """Stop where the ranks together masked more than the data module allows; collective.

        Raises:
            DamageError: On every rank.
        """
        if not self._limits:
            return
        rows, limit = int(self.compute()), sum(self._limits.values())
        if rows > limit:
            raise over_limit(DamagedRows(rows, limit, self._reasons), rows=rows)

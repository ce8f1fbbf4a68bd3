"""Rows of a batch within all nodes that they are seen in the light of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.item_features import ItemFeatures
from affectkit.data.loader.node_table import NodeTable
from affectkit.graph import Hypergraph
from affectkit.types import Target

#: Where a batch keeps the hypergraph over its rows.
HYPERGRAPH: Final = "hypergraph"


class NodeCollate:
    """Makes batches of all nodes, in which only the samples that the plan drew are real.

    The loss and the metrics read the drawn rows; the others, of weight 0, are what these are seen in the
    light of. A node is a row at the same place in every batch, on every rank.

    Args:
        table: The nodes.
        inputs: Rows (N, D) by name, e.g. features and coded attributes.
        hypergraph: Who has something in common.
        start: Node of the first sample of the split that is read.

    Shape:
        - inputs[m]: (N, D).
        - target.extra[name]: (N, 1) float32, NaN where absent.
        - target.weight: (N,), 1 on drawn rows, else 0; ``valid`` alike.
    """

    def __init__(
        self, table: NodeTable, *, inputs: Mapping[str, Tensor], hypergraph: Hypergraph, start: int
    ) -> None:
        self._table = table
        self._inputs = dict(sorted(inputs.items()))
        self._hypergraph = hypergraph
        self._start = start

    def __call__(
        self,
        samples: Sequence[ItemFeatures],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Mark the rows at ``positions``; what the samples hold stands in the table already."""
        size = len(self._table)
        drawn = torch.tensor(positions, dtype=torch.int64)[torch.tensor(valid, dtype=torch.bool)]
        real = torch.zeros(size, dtype=torch.bool)
        real[self._start + drawn] = True
        return AffectBatch(
            # A batch may be changed by whoever gets it; the table may not.
            inputs={name: rows.clone() for name, rows in self._inputs.items()},
            target=Target(
                extra={name: column.unsqueeze(1).clone() for name, column in self._table.numbers.items()},
                weight=real.float(),
            ),
            valid=real,
            keys=list(self._table.keys),
            meta={
                "positions": [node - self._start for node in range(size)],
                HYPERGRAPH: self._hypergraph,
            },
        )

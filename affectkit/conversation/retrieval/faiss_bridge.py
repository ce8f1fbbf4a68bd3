"""The bridge to faiss: candidates for the most similar rows, where it is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

from affectkit._optional import require
from affectkit.conversation.retrieval.exact_cosine import GRID, exact_top_k


def faiss_is_installed() -> bool:
    """Whether there is faiss to ask."""
    return importlib.util.find_spec("faiss") is not None


class FaissRows:
    """Rows that faiss knows, with the answers of :func:`~affectkit.conversation.retrieval.exact_top_k`.

    faiss compares in float32, whose rounding depends on the machine. Its answers are taken as
    candidates: they are compared exactly, and more are asked for until no row that is left out could
    still belong to the answer.

    Args:
        rows: What :func:`~affectkit.conversation.retrieval.exact_cosine.grid_rows` gave.
        block: Rows and queries that are compared at once where all of them are.

    Raises:
        MissingExtraError: If faiss is not installed.
    """

    def __init__(self, rows: Tensor, *, block: int) -> None:
        faiss: Any = require("faiss", extra="retrieval", purpose="Searching demonstrations with faiss")
        self._rows = rows
        self._block = block
        self._index: Any = faiss.IndexFlatIP(rows.shape[1])
        self._index.add((rows / GRID).float().numpy())
        # Of the sum of D products of float32 numbers, and of rounding both factors to float32.
        self._error = (rows.shape[1] + 8) * 2.0**-23

    def top_k(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Cosine and position of the ``k`` rows most similar to each query."""
        k = min(k, len(self._rows))
        cosine = torch.zeros(len(queries), k, dtype=torch.float64)
        position = torch.zeros(len(queries), k, dtype=torch.int64)
        left, wanted = torch.arange(len(queries)), min(len(self._rows), k + 32)
        while len(left) and wanted < len(self._rows):
            asked = queries[left]
            near, place = self._index.search((asked / GRID).float().numpy(), wanted)
            near, place = torch.from_numpy(near), torch.from_numpy(place).long().sort(dim=1).values
            exact = torch.stack([self._rows[one] @ query for one, query in zip(place, asked)]) / GRID**2
            exact, order = exact.sort(dim=1, descending=True, stable=True)
            cosine[left], position[left] = exact[:, :k], place.gather(1, order)[:, :k]
            unsure = exact[:, k - 1] <= near[:, -1].double() + self._error
            left, wanted = left[unsure], min(len(self._rows), wanted * 4)
        if len(left):
            cosine[left], position[left] = exact_top_k(queries[left], self._rows, k, block=self._block)
        return cosine, position

"""The most similar rows by cosine, the same on every machine and for every size of a batch."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

#: Coordinates of unit vectors are whole numbers of this step. Products of two are then whole numbers of
#: its square, and no partial sum of a scalar product exceeds 2^53 of them (Cauchy-Schwarz), so that
#: float64 adds them up without rounding, in whatever order a library does it.
GRID: Final = 2.0**26


def grid_rows(vectors: Tensor) -> Tensor:
    """Unit vectors as whole numbers of ``1 / GRID``; a row of zeros stays one.

    Args:
        vectors: Rows of any length.

    Shape:
        - vectors: (N, D) float.
        - result: (N, D) float64.

    Raises:
        ValueError: If the shape is another, or a value is not finite.
    """
    if vectors.ndim != 2 or not vectors.is_floating_point():
        raise ValueError(
            f"Similarities are of rows (N, D) of floats, but got {tuple(vectors.shape)} {vectors.dtype}: "
            "give one vector a row."
        )
    wide = vectors.detach().double()
    if not bool(wide.isfinite().all()):
        row = int((~wide.isfinite()).any(dim=1).nonzero()[0])
        raise ValueError(f"Row {row} of the vectors is not finite: encode its text again, or leave it out.")
    # Column after column: a sum over a row at once is rounded in an order that depends on the shape.
    squares = torch.zeros(len(wide), dtype=torch.float64, device=wide.device)
    for column in wide.square().T.contiguous():
        squares += column
    length = squares.sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    return (wide / length.unsqueeze(1) * GRID).round()


def exact_top_k(queries: Tensor, rows: Tensor, k: int, *, block: int = 8192) -> tuple[Tensor, Tensor]:
    r"""The ``k`` rows most similar to each query, :math:`\hat q^\top \hat x`; of equal ones the first.

    Args:
        queries: What :func:`grid_rows` gave.
        rows: What :func:`grid_rows` gave.
        k: How many; fewer where there are fewer rows.
        block: Rows and queries that are compared at once, which bounds the memory.

    Shape:
        - queries: (Q, D); rows: (N, D), float64.
        - result: cosine (Q, k) float64 and position (Q, k) int64, most similar first.

    Examples:
        >>> rows = grid_rows(torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
        >>> exact_top_k(rows[:1], rows, 2)[1].tolist()
        [[0, 2]]
    """
    parts = [
        _of_block(queries[first : first + block], rows, k, block=block)
        for first in range(0, len(queries), block)
    ]
    if not parts:
        return queries.new_zeros(0, min(k, len(rows))), torch.zeros(0, min(k, len(rows)), dtype=torch.int64)
    cosines, positions = (torch.cat([part[side] for part in parts]) for side in (0, 1))
    return cosines / GRID**2, positions


def _of_block(queries: Tensor, rows: Tensor, k: int, *, block: int) -> tuple[Tensor, Tensor]:
    best = queries.new_zeros(len(queries), 0)
    place = torch.zeros(len(queries), 0, dtype=torch.int64, device=queries.device)
    for first in range(0, len(rows), block):
        scores = queries @ rows[first : first + block].T
        found, column = _first_best(scores, k)
        best, place = torch.cat([best, found], dim=1), torch.cat([place, column + first], dim=1)
        order = place.argsort(dim=1)
        best, place = best.gather(1, order), place.gather(1, order)
        best, order = best.sort(dim=1, descending=True, stable=True)
        best, place = best[:, :k], place.gather(1, order)[:, :k]
    return best, place


def _first_best(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` largest of each row; among those that are equal to the last of them, the first ones."""
    found, column = scores.topk(min(k, scores.shape[1]), dim=1)
    tied = (scores >= found[:, -1:]).sum(dim=1) > found.shape[1]
    if bool(tied.any()):
        values, order = scores[tied].sort(dim=1, descending=True, stable=True)
        found[tied], column[tied] = values[:, : found.shape[1]], order[:, : found.shape[1]]
    return found, column

"""Rows of a matrix in blocks that fit a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

import torch

#: Numbers in a block: a few MiB on a processor, where larger pieces of memory are fetched anew each time; on
#: another device few large steps are faster.
_NUMBERS = {"cpu": 2**18}
_NUMBERS_ELSEWHERE = 2**25


def row_blocks(rows: int, columns: int, device: torch.device) -> Iterator[slice]:
    """Cut the rows of a matrix, as large a block at a time as is fast on ``device``; at least a row.

    Examples:
        >>> [block.start for block in row_blocks(300, 2**11, torch.device("cpu"))]
        [0, 128, 256]
    """
    size = max(1, _NUMBERS.get(device.type, _NUMBERS_ELSEWHERE) // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))

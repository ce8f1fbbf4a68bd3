"""The only caller of ``torch.distributed``: every other module asks here.

Each function works without a process group, where there is one rank that holds everything, so
that the code above needs no second path for a single process.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

__all__ = (
    "all_gather_rows",
    "all_reduce_sum",
    "barrier",
    "gather_row_counts",
    "is_distributed",
    "rank",
    "world_size",
)


def is_distributed() -> bool:
    """Whether a process group is initialised, even one of a single rank."""
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    """Number of ranks; 1 without a process group."""
    return dist.get_world_size() if is_distributed() else 1


def rank() -> int:
    """Number of this rank, from 0; 0 without a process group."""
    return dist.get_rank() if is_distributed() else 0


def barrier() -> None:
    """Wait until every rank has come here."""
    if world_size() > 1:
        dist.barrier()


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Sum over ranks, the same on each, without gradient.

    Args:
        tensor: Any tensor of one shape and dtype on all ranks; it is left as it is.
    """
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    if world_size() > 1:
        dist.all_reduce(total, op=dist.ReduceOp.SUM)
    return total


def gather_row_counts(tensor: Tensor) -> list[int]:
    """Number of rows that each rank holds, in order of rank.

    The rows of rank ``r`` begin at ``sum(counts[:r])`` of :func:`all_gather_rows`.

    Args:
        tensor: This rank's rows (n, ...); n may differ between ranks and may be 0.

    Raises:
        ValueError: On every rank, if the ranks' rows differ in shape.
    """
    if tensor.ndim == 0:
        raise ValueError("all_gather_rows got a tensor without axes; give it rows, e.g. `tensor.reshape(1)`.")
    if world_size() == 1:
        return [tensor.shape[0]]
    # The width travels with the count: a mismatch must be an error on all ranks, not a wait on one.
    width = tensor.shape[1:].numel()
    local = torch.tensor([tensor.shape[0], width], dtype=torch.int64, device=tensor.device)
    parts = [torch.empty_like(local) for _ in range(world_size())]
    dist.all_gather(parts, local)
    counts, widths = zip(*(cast(list[int], part.tolist()) for part in parts))
    if len(set(widths)) > 1:
        raise ValueError(
            f"all_gather_rows got rows of different size per rank ({list(widths)} numbers in a row); "
            "give each rank, also an empty one, rows of the same shape."
        )
    return list(counts)


def all_gather_rows(tensor: Tensor) -> Tensor:
    r"""Rows of all ranks in order of rank, with a gradient that reaches the rank they came from.

    With :math:`L_r` the loss that rank :math:`r` makes of the gathered rows, the gradient of a row
    is :math:`\sum_r \partial L_r / \partial x`: local anchors against gathered candidates, summed
    over ranks and divided once, give the gradient of one process with the whole batch.

    Args:
        tensor: This rank's rows; their number may differ between ranks and may be 0.

    Shape:
        - tensor: (n, ...)
        - output: (sum of n over ranks, ...)

    Raises:
        ValueError: On every rank, if the ranks' rows differ in shape.

    Note:
        Forward and backward are collective: every rank must call it, and either every rank or none
        must let its loss depend on the result.

    Examples:
        >>> import torch
        >>> all_gather_rows(torch.tensor([[1.0], [2.0]])).tolist()
        [[1.0], [2.0]]
    """
    counts = gather_row_counts(tensor)
    if len(counts) == 1:
        return tensor
    return cast(Tensor, _GatherRows.apply(tensor, tuple(counts)))


class _GatherRows(torch.autograd.Function):
    """Concatenate over ranks; backward sums the gradient over ranks and takes the own rows."""

    @staticmethod
    def forward(ctx: FunctionCtx, tensor: Tensor, counts: tuple[int, ...]) -> Tensor:
        ctx.counts = counts  # type: ignore[attr-defined]
        # Collectives want equal shapes: short ranks travel padded, and the padding is cut off here.
        padded = tensor.new_zeros((max(counts), *tensor.shape[1:]))
        padded[: tensor.shape[0]] = tensor.detach()
        parts = [torch.empty_like(padded) for _ in counts]
        if padded.numel() > 0:
            dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts)])

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        counts: tuple[int, ...] = ctx.counts  # type: ignore[attr-defined]
        start = sum(counts[: rank()])
        return all_reduce_sum(gradient)[start : start + counts[rank()]], None

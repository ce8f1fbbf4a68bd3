"""Attention over the keys that are there, shared by the fusions that attend."""

from __future__ import annotations

from torch import Tensor, nn


class MaskedAttention(nn.Module):
    """Multi-head attention in which a query that may look at nothing gets 0 instead of NaN.

    Args:
        dim: Width D.
        num_heads: Heads; they share the width.
        owner: Name of the fusion, for messages.

    Shape:
        - query: (N, Q, D); key, value: (N, K, D); allowed: (N, Q, K) bool, True = may look.
        - Output: (N, Q, D).

    Raises:
        ValueError: If the width cannot be shared among the heads.
    """

    def __init__(self, dim: int, *, num_heads: int, owner: str) -> None:
        super().__init__()
        if num_heads < 1 or dim < 1 or dim % num_heads:
            raise ValueError(
                f"{owner} got a width of {dim} for num_heads={num_heads}: give a width that the heads share "
                "without rest."
            )
        self.num_heads = num_heads
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
        """Attend; see the class for shapes."""
        blind = ~allowed.any(dim=-1, keepdim=True)
        # A blind query looks everywhere, so that its softmax is finite, and its result is taken away.
        blocked = (~allowed & ~blind).repeat_interleave(self.num_heads, dim=0)
        # Keys as a view of their own: where all three are one tensor and no gradient is wanted, torch
        # takes another kernel, whose last digits differ from those of training.
        key = key.view_as(key)
        attended: Tensor = self.attention(query, key, value, attn_mask=blocked, need_weights=False)[0]
        return attended.masked_fill(blind, 0.0)

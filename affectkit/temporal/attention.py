"""Self-attention among the frames of a clip."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F


class FrameAttention(nn.Module):
    """Multi-head self-attention whose head width is free of the feature width.

    Args:
        in_dim: Width D of the features.
        heads: Number of heads H.
        head_dim: Width E of each head; the inner width is ``heads * head_dim``.
        dropout: Dropout on the result.

    Shape:
        - Input: (B, L, in_dim); ``keep`` (B, L) bool, True = may be attended to.
        - Output: (B, L, in_dim).
    """

    def __init__(self, in_dim: int, *, heads: int, head_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        # Without bias, in the order queries, keys, values, each head by head.
        self.qkv = nn.Linear(in_dim, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, in_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Let the tokens of ``x`` attend to the kept ones."""
        projected: Tensor = self.qkv(x)
        parts = projected.reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = parts.unbind(0)
        mask = None if keep is None else keep[:, None, None, :]
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        return cast(Tensor, self.dropout(self.out(mixed.transpose(1, 2).flatten(2))))

"""A transformer layer over the turns of a conversation, all at once or one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.conversation.streaming import join_turns


class TurnLayer(nn.Module):
    r"""Self-attention and a feed-forward layer, each with its residual and norm.

    With ``norm_first`` :math:`x \leftarrow x + f(\mathrm{LN}(x))`, otherwise
    :math:`x \leftarrow \mathrm{LN}(x + f(x))`, f the attention and then the feed-forward layer: the
    arithmetic of :class:`torch.nn.TransformerEncoderLayer`. Here attention may take a bias, and can go
    on from the keys and values of earlier turns.

    Args:
        dim: Width D.
        num_heads: Heads; they share the width.
        feedforward_dim: Width inside the feed-forward layer.
        norm_first: Where the norms stand; with it the feed-forward layer has GELU, else ReLU.
        dropout: Dropout on both results and inside the feed-forward layer.
        owner: Name of the model, for messages.

    Shape:
        - x: (B, U, D); bias: broadcasts to (B, H, U, U), float added to the scores, or bool, True =
          may look. Each row needs at least one place to look at.
        - Output: (B, U, D).

    Raises:
        ValueError: If the width cannot be shared among the heads.
    """

    def __init__(
        self,
        dim: int,
        *,
        num_heads: int,
        feedforward_dim: int,
        norm_first: bool,
        dropout: float,
        owner: str,
    ) -> None:
        super().__init__()
        if num_heads < 1 or dim < 1 or dim % num_heads:
            raise ValueError(
                f"{owner} got a width of {dim} for num_heads={num_heads}: give a width that the heads share "
                "without rest."
            )
        self.num_heads = num_heads
        self.norm_first = norm_first
        self.in_projection = nn.Linear(dim, 3 * dim)
        self.out_projection = nn.Linear(dim, dim)
        self.widen = nn.Linear(dim, feedforward_dim)
        self.narrow = nn.Linear(feedforward_dim, dim)
        self.attention_norm = nn.LayerNorm(dim)
        self.feedforward_norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.in_projection.weight)
        nn.init.zeros_(self.in_projection.bias)
        nn.init.zeros_(self.out_projection.bias)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Run over ``x``; see the class for shapes."""
        inside: Tensor = self.attention_norm(x) if self.norm_first else x
        query, key, value = self._heads(inside)
        return self._rest(x, _attend(query, key, value, bias))

    def advance(
        self, x: Tensor, bias: Tensor, state: Mapping[str, Tensor], *, keep: int | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Go on from the turns in ``state``, for one conversation.

        Args:
            x: (1, D) of the turn.
            bias: As in ``forward``, for (1, H, 1, t) with the turn itself last.
            state: ``key`` and ``value`` (t - 1, H, D / H) of the turns before, or nothing.
            keep: How many turns, this one included, the next turn may need; None = all.
        """
        inside: Tensor = self.attention_norm(x) if self.norm_first else x
        query, key, value = self._heads(inside.unsqueeze(0))
        keys = join_turns(state.get("key"), key[0].transpose(0, 1))
        values = join_turns(state.get("value"), value[0].transpose(0, 1))
        attended = _attend(
            query, keys.transpose(0, 1).unsqueeze(0), values.transpose(0, 1).unsqueeze(0), bias
        )
        first = 0 if keep is None else max(0, len(keys) - keep)
        return self._rest(x, attended).squeeze(0), {"key": keys[first:], "value": values[first:]}

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        projected: Tensor = self.in_projection(x)
        shape = (*x.shape[:2], 3, self.num_heads, x.shape[2] // self.num_heads)
        query, key, value = projected.reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def _rest(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows the attention (B, H, U, D / H) to each turn by itself."""
        mixed: Tensor = self.dropout(self.out_projection(attended.transpose(1, 2).flatten(2)))
        x = x + mixed if self.norm_first else self.attention_norm(x + mixed)
        inside: Tensor = self.feedforward_norm(x) if self.norm_first else x
        wide: Tensor = self.widen(inside)
        wide = self.dropout(F.gelu(wide) if self.norm_first else F.relu(wide))
        narrow: Tensor = self.dropout(self.narrow(wide))
        return x + narrow if self.norm_first else self.feedforward_norm(x + narrow)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    if bias.dtype == torch.bool:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    # With a learned bias torch takes another kernel in training than without a gradient, and their last
    # digits differ.
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5 + bias
    return torch.softmax(scores, dim=-1).to(value.dtype) @ value

"""Multi-head attention whose projections have low-rank updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectkit.adapters.lora_linear import LoRALinear
from affectkit.adapters.low_rank_update import LoRAScaling

#: The projections of an attention: query, key, value and output.
Projection = Literal["q", "k", "v", "out"]


class LoRAMultiheadAttention(nn.Module):
    """An ``nn.MultiheadAttention`` with LoRA on chosen projections; the same numbers while every B is 0.

    It takes over the weights of the given attention, without copying them, and computes in the same
    order: one product for query, key and value where all three read the same tokens. It stands in for
    the original in the blocks of open_clip and of ``nn.TransformerEncoderLayer``.

    Args:
        attention: The attention to adapt; its weights are frozen and kept.
        targets: Projections that get an update, of ``"q"``, ``"k"``, ``"v"``, ``"out"``.
        rank: Rank r of each update.
        alpha: Numerator of the scale.
        scaling: ``"lora"`` = alpha / r, ``"rslora"`` = alpha / sqrt(r).
        dropout: Share of the input dropped before each update in training.

    Shape:
        - query: (B, T, D), key and value: (B, S, D); (T, B, D) and (S, B, D) without ``batch_first``.
        - attn_mask: (T, S) or (B * heads, T, S); bool, True = not attended, or float that is added.
        - key_padding_mask: (B, S), bool, True = not attended, or float that is added.
        - Output: a pair of (B, T, D) and None.

    Raises:
        ValueError: If the attention has widths, extra key biases or zero keys of its own, or asks
            for weights to be returned.

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685.
        Zanella and Ben Ayed, "Low-Rank Few-Shot Adaptation of Vision-Language Models", CVPR 2024
        workshop, arXiv:2405.18541 (CLIP-LoRA).

    Examples:
        >>> import torch
        >>> plain = nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = torch.randn(3, 5, 8)
        >>> expected = plain(x, x, x, need_weights=False)[0]
        >>> adapted = LoRAMultiheadAttention(plain, targets=("q", "v"), rank=2)
        >>> bool(torch.allclose(adapted(x, x, x)[0], expected, atol=1e-6))
        True
    """

    def __init__(
        self,
        attention: nn.MultiheadAttention,
        *,
        targets: Sequence[Projection] = ("q", "k", "v"),
        rank: int = 4,
        alpha: float = 4.0,
        scaling: LoRAScaling = "lora",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if (
            attention.in_proj_weight is None
            or attention.bias_k is not None
            or attention.bias_v is not None
            or attention.add_zero_attn
        ):
            raise ValueError(
                "LoRAMultiheadAttention got an attention with keys of another width, bias_k, bias_v or zero "
                "keys: adapt its linear layers one by one with LoRALinear."
            )
        self.embed_dim = attention.embed_dim
        self.num_heads = attention.num_heads
        self.head_dim = attention.head_dim
        self.dropout = attention.dropout
        self.batch_first = attention.batch_first
        # nn.TransformerEncoderLayer reads this to decide on a fused kernel that would not know of the
        # updates; None sends it through our forward.
        self.in_proj_bias = None
        fused = nn.Linear(
            self.embed_dim, 3 * self.embed_dim, bias=attention.in_proj_bias is not None, device="meta"
        )
        fused.weight = attention.in_proj_weight
        if attention.in_proj_bias is not None:
            fused.bias = attention.in_proj_bias
        adapted = [part for part, name in enumerate(("q", "k", "v")) if name in targets]
        if adapted:
            self.in_proj: nn.Module = LoRALinear(
                fused, rank=rank, alpha=alpha, scaling=scaling, dropout=dropout, parts=3, adapted=adapted
            )
        else:
            self.in_proj = fused.requires_grad_(False)
        if "out" in targets:
            self.out_proj: nn.Module = LoRALinear(
                attention.out_proj, rank=rank, alpha=alpha, scaling=scaling, dropout=dropout
            )
        else:
            self.out_proj = attention.out_proj.requires_grad_(False)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if query is key and key is value:
            fused: Tensor = self.in_proj(query)
            q, k, v = fused.chunk(3, dim=-1)
            return q, k, v
        if isinstance(self.in_proj, LoRALinear):
            q, k, v = (self.in_proj.project(x, part) for part, x in enumerate((query, key, value)))
            return q, k, v
        assert isinstance(self.in_proj, nn.Linear)
        weights = self.in_proj.weight.chunk(3)
        biases = (None, None, None) if self.in_proj.bias is None else self.in_proj.bias.chunk(3)
        q, k, v = (functional.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))
        return q, k, v

    def _bias(self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, like: Tensor) -> Tensor | None:
        """Both masks as one float tensor that is added to the scores."""
        masks: list[Tensor] = []
        for mask in (attn_mask, key_padding_mask):
            if mask is None:
                continue
            if mask.dtype == torch.bool:
                mask = torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, float("-inf"))
            masks.append(mask.to(like.dtype))
        if not masks:
            return None
        if attn_mask is not None and attn_mask.ndim == 3:
            masks[0] = masks[0].reshape(-1, self.num_heads, *masks[0].shape[1:])
        if key_padding_mask is not None:
            masks[-1] = masks[-1][:, None, None, :]
        return masks[0] if len(masks) == 1 else masks[0] + masks[1]

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, None]:
        """Attend; the arguments are those of ``nn.MultiheadAttention``, whose weights are not returned.

        ``is_causal`` is a hint about ``attn_mask``, as there, and does not replace it.
        """
        if need_weights:
            raise ValueError(
                "LoRAMultiheadAttention returns no attention weights: call it with need_weights=False."
            )
        q, k, v = self._project(query, key, value)
        if not self.batch_first:
            q, k, v = (x.transpose(0, 1) for x in (q, k, v))
        shape = (self.num_heads, self.head_dim)
        q, k, v = (x.reshape(*x.shape[:2], *shape).transpose(1, 2) for x in (q, k, v))
        attended = functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=self._bias(attn_mask, key_padding_mask, q),
            dropout_p=self.dropout if self.training else 0.0,
        )
        joined = attended.transpose(1, 2).flatten(-2)
        result: Tensor = self.out_proj(joined if self.batch_first else joined.transpose(0, 1))
        return result, None

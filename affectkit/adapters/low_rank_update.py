"""A change of a weight matrix that has few numbers."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

#: How the update is scaled: ``lora`` by alpha / r, ``rslora`` by alpha / sqrt(r).
LoRAScaling = Literal["lora", "rslora"]


class LowRankUpdate(nn.Module):
    r"""What a low rank adds to a linear layer, :math:`s\,B A\,\mathrm{drop}(x)`; B is 0 at the start.

    :math:`s` is :math:`\alpha / r` (``lora``) or :math:`\alpha / \sqrt r` (``rslora``).

    Args:
        in_dim: Width of the input.
        out_dim: Width of the output.
        rank: Rank r of the update.
        alpha: Numerator of the scale.
        scaling: ``"lora"`` or ``"rslora"``.
        dropout: Share of the input dropped in training.
        like: A tensor whose dtype and device the update takes over, e.g. the frozen weight.

    Shape:
        - Input: (..., in_dim).
        - Output: (..., out_dim).

    Raises:
        ValueError: If a number is out of range or the scaling is unknown.

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685.
        Kalajdzievski, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA", 2023,
        arXiv:2312.03732 (``rslora``).
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        rank: int = 4,
        alpha: float = 4.0,
        scaling: LoRAScaling = "lora",
        dropout: float = 0.0,
        like: Tensor | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= rank <= min(in_dim, out_dim):
            raise ValueError(
                f"LoRA got rank={rank} for a projection from {in_dim} to {out_dim} numbers: "
                f"give a rank in [1, {min(in_dim, out_dim)}]."
            )
        if scaling not in ("lora", "rslora"):
            raise ValueError(
                f"LoRA got scaling={scaling!r}: give 'lora' (alpha / r) or 'rslora' (alpha / sqrt r)."
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"LoRA got dropout={dropout}: give a share in [0, 1).")
        device, dtype = (None, None) if like is None else (like.device, like.dtype)
        self.scale = alpha / (math.sqrt(rank) if scaling == "rslora" else rank)
        self.dropout = nn.Dropout(dropout)
        self.lora_a = nn.Parameter(torch.empty(rank, in_dim, device=device, dtype=dtype))
        self.lora_b = nn.Parameter(torch.zeros(out_dim, rank, device=device, dtype=dtype))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def delta(self) -> Tensor:
        """The same change as a full matrix (out_dim, in_dim), without dropout."""
        return self.scale * (self.lora_b @ self.lora_a)

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the output of the frozen layer for the input ``x``."""
        dropped: Tensor = self.dropout(x)
        return self.scale * functional.linear(functional.linear(dropped, self.lora_a), self.lora_b)

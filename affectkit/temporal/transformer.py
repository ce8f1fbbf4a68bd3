"""A small transformer over the frames of a clip."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.temporal.attention import FrameAttention
from affectkit.types import Encoding


class _Block(nn.Module):
    """Pre-norm attention and a two-layer perceptron, each added to what it reads."""

    def __init__(self, in_dim: int, *, heads: int, head_dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(in_dim)
        self.attention = FrameAttention(in_dim, heads=heads, head_dim=head_dim, dropout=dropout)
        self.mlp_norm = nn.LayerNorm(in_dim)
        self.mlp = nn.Sequential(
            nn.Linear(in_dim, hidden_dim),
            nn.GELU(approximate="tanh"),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, in_dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        attended: Tensor = self.attention(self.attention_norm(x), keep)
        x = x + attended
        mixed: Tensor = self.mlp(self.mlp_norm(x))
        return x + mixed


class TemporalTransformer(nn.Module):
    r"""Frame features in the light of each other, pooled to one vector a clip.

    .. math:: z_0 = [c;\, x_1; \dots; x_T] + p_{0:T}, \qquad
        z' = z + \mathrm{Attn}(\mathrm{LN}\, z), \quad z = z' + \mathrm{MLP}(\mathrm{LN}\, z')

    with a learned class token :math:`c` (``pool="cls"`` only) and learned places :math:`p`; queries,
    keys and values have no bias, the perceptron a tanh GELU, and no norm follows the last layer.
    A clip shorter than ``num_frames`` uses the first places. Frames that are masked are neither
    attended to nor pooled; a clip without any real frame gives 0.

    Args:
        in_dim: Width D of the frame features, and of the result.
        num_frames: Most frames T of a clip.
        pool: ``"cls"`` gives the class token, ``"mean"`` the mean of the real frames, ``"tokens"``
            their mean and, beside it, every frame.
        depth: Number of layers.
        heads: Number of attention heads.
        head_dim: Width of each head.
        hidden_dim: Inner width of the perceptron.
        dropout: Dropout after attention and within the perceptron.
        init_scale: Deviation of class token and places at the start.

    Shape:
        - Input: (B, T, D); ``mask`` (B, T), True = real.
        - Output: ``pooled`` (B, D); with ``pool="tokens"`` also ``tokens`` (B, T, D), 0 where masked,
          and ``mask`` as given.

    Raises:
        ValueError: If a number is out of range, the features have another width, or a clip has more
            frames than ``num_frames``.

    References:
        The temporal model of CLIP-CAER's official code, which follows DFER-CLIP. Z. Zhao, I. Patras.
        Prompting Visual-Language Models for Dynamic Facial Expression Recognition. BMVC 2023.
        arXiv:2308.13382.

    Deviation from the paper:
        The official code draws class token and places from N(0, 1), which ``init_scale=1.0``
        reproduces; the default is 0.02. It knows no masks.

    Examples:
        >>> model = TemporalTransformer(8, num_frames=4, heads=2, head_dim=4, hidden_dim=16)
        >>> model(torch.zeros(2, 3, 8)).pooled.shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        in_dim: int,
        *,
        num_frames: int = 16,
        pool: Literal["cls", "mean", "tokens"] = "cls",
        depth: int = 1,
        heads: int = 8,
        head_dim: int = 64,
        hidden_dim: int = 1024,
        dropout: float = 0.1,
        init_scale: float = 0.02,
    ) -> None:
        super().__init__()
        if min(in_dim, num_frames, depth, heads, head_dim, hidden_dim) < 1 or not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"TemporalTransformer got in_dim={in_dim}, num_frames={num_frames}, depth={depth}, "
                f"heads={heads}, head_dim={head_dim}, hidden_dim={hidden_dim}, dropout={dropout}: give "
                "numbers >= 1 and a dropout in [0, 1)."
            )
        if pool not in ("cls", "mean", "tokens"):
            raise ValueError(f"TemporalTransformer got pool={pool!r}: use 'cls', 'mean' or 'tokens'.")
        self.in_dim = in_dim
        self.out_dim = in_dim
        self.num_frames = num_frames
        self.pool = pool
        self.class_token = nn.Parameter(init_scale * torch.randn(1, 1, in_dim)) if pool == "cls" else None
        places = num_frames + (self.class_token is not None)
        self.places = nn.Parameter(init_scale * torch.randn(1, places, in_dim))
        self.layers = nn.ModuleList(
            _Block(in_dim, heads=heads, head_dim=head_dim, hidden_dim=hidden_dim, dropout=dropout)
            for _ in range(depth)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode clips; masked frames may hold anything."""
        if x.ndim != 3 or x.shape[-1] != self.in_dim:
            raise ValueError(
                f"TemporalTransformer was built with in_dim={self.in_dim} and got features of shape "
                f"{tuple(x.shape)}: give (B, T, {self.in_dim})."
            )
        if x.shape[1] > self.num_frames:
            raise ValueError(
                f"TemporalTransformer was built for {self.num_frames} frames and got clips of {x.shape[1]}: "
                "set num_frames to the data module's segments."
            )
        if mask is not None and mask.shape != x.shape[:2]:
            raise ValueError(
                f"TemporalTransformer got a mask of shape {tuple(mask.shape)} for clips of shape "
                f"{tuple(x.shape)}: give one flag for each frame."
            )
        keep = mask
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
            # A clip without a real frame attends to all of its zeros: a softmax over nothing is NaN.
            keep = mask | ~mask.any(1, keepdim=True)
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(x.shape[0], -1, -1).to(x.dtype), x], dim=1)
            if keep is not None:
                keep = torch.cat([torch.ones_like(keep[:, :1]), keep], dim=1)
        x = x + self.places[:, : x.shape[1]]
        for layer in self.layers:
            x = layer(x, keep)
        return self._pooled(x, mask)

    def _pooled(self, x: Tensor, mask: Tensor | None) -> Encoding:
        if self.class_token is not None:
            token = x[:, 0]
            return Encoding(token if mask is None else token.masked_fill(~mask.any(1, keepdim=True), 0.0))
        if mask is None:
            pooled = x.mean(1)
        else:
            x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
            pooled = x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return Encoding(pooled, x, mask) if self.pool == "tokens" else Encoding(pooled)

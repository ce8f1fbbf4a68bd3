"""Encoder of features over time, to one vector of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast, get_args

from torch import Tensor, nn

from affectkit.temporal import FrameMean, TemporalConvNet, TemporalTransformer
from affectkit.types import Encoder, Encoding

SequenceNetwork: TypeAlias = Literal["conv", "transformer"]


class SequenceEncoder(nn.Module):
    r"""Frames or words of a recording to one vector: a network over time, the mean, a linear layer.

    .. math:: f = W \frac{1}{|R|} \sum_{t \in R} g(\mathrm{LN}\, x)_t + b

    with R the real places and g a :class:`~affectkit.temporal.TemporalConvNet` that looks to both sides, or a
    :class:`~affectkit.temporal.TemporalTransformer`. A recording without a real place gives a constant.

    Args:
        in_dim: Width of the stored features.
        out_dim: Width D of the encoding.
        network: ``"conv"`` or ``"transformer"``.
        channels: Width of each block of ``"conv"``.
        kernel_size: Places that each of its convolutions sees.
        num_layers: Layers of ``"transformer"``.
        num_heads: Attention heads of ``"transformer"``, a divisor of ``in_dim``.
        max_steps: Most places that ``"transformer"`` can be given.
        dropout: Dropout inside the network.
        layer_norm: Whether the features of each place are normalised first.

    Shape:
        - Input: (B, T, in_dim) with ``mask`` (B, T), True = real; (B, in_dim) is one place.
        - Output: ``pooled`` (B, out_dim).

    Raises:
        ValueError: If a number is out of range, or the features have another shape.

    Examples:
        >>> import torch
        >>> SequenceEncoder(6, 4, channels=(8,))(torch.zeros(2, 30, 6)).pooled.shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        network: SequenceNetwork = "conv",
        channels: Sequence[int] = (128, 128),
        kernel_size: int = 3,
        num_layers: int = 2,
        num_heads: int = 4,
        max_steps: int = 128,
        dropout: float = 0.0,
        layer_norm: bool = True,
    ) -> None:
        super().__init__()
        if network not in get_args(SequenceNetwork) or out_dim < 1:
            raise ValueError(
                f"SequenceEncoder got network={network!r} and out_dim={out_dim}: give 'conv' or "
                "'transformer', and a width >= 1."
            )
        if network == "transformer" and (num_heads < 1 or in_dim % num_heads):
            raise ValueError(
                f"SequenceEncoder got num_heads={num_heads} for features of width {in_dim}: give a divisor."
            )
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.norm = nn.LayerNorm(in_dim) if layer_norm else nn.Identity()
        self.network: nn.Module
        if network == "conv":
            self.network = TemporalConvNet(
                in_dim, channels, kernel_size=kernel_size, context="both", dropout=dropout
            )
            self.pool: nn.Module = FrameMean(channels[-1])
        else:
            self.network = TemporalTransformer(
                in_dim,
                num_frames=max_steps,
                pool="mean",
                depth=num_layers,
                heads=num_heads,
                head_dim=in_dim // num_heads,
                hidden_dim=4 * in_dim,
                dropout=dropout,
            )
            self.pool = nn.Identity()
        self.projection = nn.Linear(cast(Encoder, self.network).out_dim, out_dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ``x``; masked places may hold anything."""
        if x.ndim == 2:
            x, mask = x.unsqueeze(1), None if mask is None else mask.reshape(-1, 1)
        if x.ndim != 3 or x.shape[-1] != self.in_dim:
            raise ValueError(
                f"SequenceEncoder of width {self.in_dim} got features of shape {tuple(x.shape)}: give "
                f"(B, T, {self.in_dim})."
            )
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        normed: Tensor = self.norm(x)
        found: Encoding = self.network(normed, mask)
        if found.pooled.ndim == 3:
            found = self.pool(found.pooled, mask)
        pooled: Tensor = self.projection(found.pooled)
        return Encoding(pooled=pooled)

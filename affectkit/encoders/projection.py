"""Encoder of features that were extracted beforehand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.types import Encoding


class ProjectionEncoder(nn.Module):
    r"""Stored features to a common width, row by row.

    .. math:: \mathrm{dropout}(\mathrm{gelu}(\mathrm{layer\_norm}(W\, \mathrm{dropout}_{in}(\tilde x) + b)))

    with :math:`\tilde x = (x - \mu) / \sigma` if ``standardize``, else :math:`x`.

    Args:
        in_dim: Width of the stored features.
        out_dim: Width D of the encoding.
        dropout: Dropout on the result.
        input_dropout: Dropout on the features.
        layer_norm: Whether the projection is normalised.
        standardize: Whether columns are brought to mean 0 and deviation 1. The numbers are given to
            :meth:`set_statistics` and are part of the state dict; until then they are 0 and 1.

    Shape:
        - Input: (B, in_dim) or (B, U, in_dim); ``mask`` (B, U), True = real.
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim), 0 where masked; ``mask`` as given.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    Examples:
        >>> import torch
        >>> ProjectionEncoder(384, 64)(torch.zeros(2, 5, 384)).pooled.shape
        torch.Size([2, 5, 64])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        layer_norm: bool = True,
        standardize: bool = False,
    ) -> None:
        super().__init__()
        if in_dim < 1 or out_dim < 1 or not 0.0 <= dropout < 1.0 or not 0.0 <= input_dropout < 1.0:
            raise ValueError(
                f"ProjectionEncoder got in_dim={in_dim}, out_dim={out_dim}, dropout={dropout}, "
                f"input_dropout={input_dropout}: give widths >= 1 and dropouts in [0, 1)."
            )
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.standardize = standardize
        self.input_dropout = nn.Dropout(input_dropout)
        norm = [nn.LayerNorm(out_dim)] if layer_norm else []
        self.layers = nn.Sequential(nn.Linear(in_dim, out_dim), *norm, nn.GELU(), nn.Dropout(dropout))
        if standardize:
            self.register_buffer("mean", torch.zeros(in_dim))
            self.register_buffer("deviation", torch.ones(in_dim))

    def set_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Take over the mean and deviation of each column, as measured on the training split.

        Args:
            mean: (in_dim,).
            deviation: (in_dim,); a column that never changes becomes 0.

        Raises:
            ValueError: If ``standardize`` is off, or the numbers have another width.
        """
        if not self.standardize or mean.shape != (self.in_dim,) or deviation.shape != (self.in_dim,):
            raise ValueError(
                f"ProjectionEncoder with in_dim={self.in_dim}, standardize={self.standardize} got a mean of "
                f"shape {tuple(mean.shape)} and a deviation of shape {tuple(deviation.shape)}: build it with "
                "standardize=True and give one number of each for every column."
            )
        self.mean.copy_(mean)
        # The rounding noise of a constant column must not become a feature.
        self.deviation.copy_(deviation.clamp(min=1e-6))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Project ``x`` (..., in_dim); rows where ``mask`` is False may hold anything."""
        if x.shape[-1] != self.in_dim:
            raise ValueError(
                f"ProjectionEncoder was built with in_dim={self.in_dim} and got features of width "
                f"{x.shape[-1]}: set in_dim to the width stored in the shards' manifest."
            )
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        if self.standardize:
            x = (x - self.mean) / self.deviation
        pooled: Tensor = self.layers(self.input_dropout(x))
        if mask is not None:
            pooled = pooled.masked_fill(~mask.unsqueeze(-1), 0.0)
        return Encoding(pooled=pooled, mask=mask)

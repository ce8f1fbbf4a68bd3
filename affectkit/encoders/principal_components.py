"""Stored features along the directions in which the training rows vary most."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.functional import principal_axes
from affectkit.types import Encoding


class PrincipalComponentsEncoder(nn.Module):
    r"""Wide stored features to a few principal components, fitted on training rows.

    .. math:: (x - \mu)\, A \oslash s

    with the mean, axes and deviations of :func:`affectkit.functional.principal_axes`. Nothing is learnt by
    gradient; what :meth:`fit` found is part of the state dict, so that evaluation sees the numbers of the
    training rows.

    Args:
        in_dim: Width D of the stored features.
        out_dim: Number K of components.
        standardize: Whether components are divided by their deviations s.

    Shape:
        - Input: (..., in_dim); ``mask`` (B, U), True = real.
        - Output: ``pooled`` (..., out_dim), 0 where masked; ``mask`` as given.

    Raises:
        ValueError: If a width is out of range, it was not fitted, or the features have another width.

    Examples:
        >>> encoder = PrincipalComponentsEncoder(6, 2)
        >>> encoder.fit(torch.randn(20, 6, generator=torch.Generator().manual_seed(0)))
        >>> tuple(encoder(torch.zeros(3, 6)).pooled.shape)
        (3, 2)
    """

    mean: Tensor
    axes: Tensor
    deviation: Tensor

    def __init__(self, in_dim: int, out_dim: int, *, standardize: bool = True) -> None:
        super().__init__()
        if not 1 <= out_dim <= in_dim:
            raise ValueError(
                f"PrincipalComponentsEncoder got in_dim={in_dim} and out_dim={out_dim}: give at least one "
                "component, and no more than the features are wide."
            )
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.standardize = standardize
        # NaN says that nothing was fitted, also in a state dict.
        self.register_buffer("mean", torch.full((in_dim,), torch.nan))
        self.register_buffer("axes", torch.zeros(in_dim, out_dim))
        self.register_buffer("deviation", torch.ones(out_dim))

    def fit(self, rows: Tensor) -> None:
        """Find the components of training rows (N, in_dim).

        Raises:
            ValueError: If there are too few rows, or they have another width.
        """
        if rows.ndim != 2 or rows.shape[1] != self.in_dim:
            raise ValueError(
                f"PrincipalComponentsEncoder of in_dim={self.in_dim} got rows of shape {tuple(rows.shape)} "
                f"to fit: give (N, {self.in_dim})."
            )
        found = principal_axes(rows, self.out_dim)
        self.mean.copy_(found.mean)
        self.axes.copy_(found.axes)
        # Rounding noise along an axis without any variation must not become a feature: over infinity it is 0.
        noise = 1e-6 * float(found.deviation.max() + torch.linalg.vector_norm(found.mean))
        self.deviation.copy_(found.deviation.masked_fill(found.deviation <= noise, torch.inf))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Project ``x`` (..., in_dim)."""
        if x.shape[-1] != self.in_dim:
            raise ValueError(
                f"PrincipalComponentsEncoder of in_dim={self.in_dim} got features of width {x.shape[-1]}: "
                "set in_dim to the width stored in the shards' manifest."
            )
        if bool(self.mean.isnan().any()):
            raise ValueError(
                "PrincipalComponentsEncoder has no components yet: call fit() with the training rows, or "
                "load a state that was fitted."
            )
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        # Half precision rounds large components to the size of small ones, which whitening would enlarge.
        with torch.autocast(x.device.type, enabled=False):
            pooled = (x.to(self.mean.dtype) - self.mean) @ self.axes
            if self.standardize:
                pooled = pooled / self.deviation
        if mask is not None:
            pooled = pooled.masked_fill(~mask.unsqueeze(-1), 0.0)
        return Encoding(pooled, mask=mask)

"""The optional hidden layer that heads share."""

from __future__ import annotations

from torch import Tensor, nn


class HiddenProjection(nn.Module):
    """Dropout, then, where a hidden width is asked for, a ReLU layer and dropout again.

    Args:
        in_dim: Width D of the features.
        hidden_dim: Width of the hidden layer; 0 leaves it out.
        dropout: Share of features dropped in training.

    Shape:
        - Input: (..., in_dim).
        - Output: (..., out_dim), where ``out_dim`` is ``hidden_dim`` or, without it, ``in_dim``.

    Raises:
        ValueError: If a width is not positive, or ``dropout`` lies outside [0, 1).
    """

    def __init__(self, in_dim: int, hidden_dim: int = 0, *, dropout: float = 0.0) -> None:
        super().__init__()
        if in_dim < 1 or hidden_dim < 0:
            raise ValueError(
                f"a head got in_dim={in_dim} and hidden_dim={hidden_dim}: "
                "give in_dim >= 1 and hidden_dim >= 0 (0 = no hidden layer)."
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"a head got dropout={dropout}: give a share in [0, 1).")
        self.in_dim = in_dim
        self.out_dim = hidden_dim or in_dim
        self.layers: nn.Sequential
        if hidden_dim:
            self.layers = nn.Sequential(
                nn.Dropout(dropout), nn.Linear(in_dim, hidden_dim), nn.ReLU(), nn.Dropout(dropout)
            )
        else:
            self.layers = nn.Sequential(nn.Dropout(dropout))

    def forward(self, features: Tensor) -> Tensor:
        """Project ``features`` (..., in_dim)."""
        if features.shape[-1] != self.in_dim:
            raise ValueError(
                f"a head built with in_dim={self.in_dim} got features of width {features.shape[-1]}: "
                "build it with the out_dim of the part before it."
            )
        projected: Tensor = self.layers(features)
        return projected

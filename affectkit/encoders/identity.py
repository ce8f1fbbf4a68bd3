"""Features that are ready already."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.types import Encoding


class IdentityEncoder(nn.Module):
    """Hands features on as they are, e.g. those of a picture that another part has encoded.

    Args:
        out_dim: Width D of the features.

    Shape:
        - Input: (B, D) or (B, U, D).
        - Output: ``pooled`` as the input.

    Raises:
        ValueError: If the features have another width.

    Examples:
        >>> import torch
        >>> IdentityEncoder(3)(torch.ones(2, 3)).pooled.shape
        torch.Size([2, 3])
    """

    def __init__(self, out_dim: int) -> None:
        super().__init__()
        self.out_dim = out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Wrap ``x``."""
        if x.shape[-1] != self.out_dim:
            raise ValueError(
                f"IdentityEncoder of width {self.out_dim} got features of width {x.shape[-1]}: give it the "
                "out_dim of the part before it."
            )
        return Encoding(pooled=x, mask=mask if x.ndim == 3 else None)

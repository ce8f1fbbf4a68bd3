"""A bottleneck on stored features, mixed with them."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.types import Encoding


class ResidualBottleneckEncoder(nn.Module):
    r"""The adapter of CLIP-Adapter on features of any frozen encoder: a small change of good features.

    .. math:: x' = \rho\,\mathrm{relu}(W_2\,\mathrm{relu}(W_1 x)) + (1 - \rho)\,x

    Where features are stored, nothing inside their encoder can learn; this learns behind it, and begins
    near what was stored.

    Args:
        in_dim: Width D of the stored features.
        ratio: :math:`\rho`, the share of the adapted features.
        reduction: The bottleneck has D / reduction units, at least one.

    Shape:
        - Input: (B, D) or (B, U, D).
        - Output: ``pooled``, the same shape; ``mask`` as given.

    Raises:
        ValueError: If a number is out of range, or features have another width.

    References:
        Gao et al., "CLIP-Adapter: Better Vision-Language Models with Feature Adapters", IJCV 2024,
        arXiv:2110.04544.

    Deviation from the paper:
        There it ends in a comparison with sentences, which is
        :class:`~affectkit.adapters.ClipFeatureAdapter`; here any fusion and head follow. The second ReLU
        is that of its code.

    Examples:
        >>> import torch
        >>> encoder = ResidualBottleneckEncoder(16, reduction=4)
        >>> encoder(torch.zeros(2, 16)).pooled.shape
        torch.Size([2, 16])
    """

    def __init__(self, in_dim: int, *, ratio: float = 0.2, reduction: int = 4) -> None:
        super().__init__()
        if in_dim < 1 or reduction < 1 or not 0.0 < ratio <= 1.0:
            raise ValueError(
                f"ResidualBottleneckEncoder got in_dim={in_dim}, ratio={ratio}, reduction={reduction}: give "
                "whole numbers of 1 or more, and a share above 0 and up to 1."
            )
        self.in_dim = in_dim
        self.out_dim = in_dim
        self.ratio = ratio
        hidden = max(1, in_dim // reduction)
        self.adapter = nn.Sequential(
            nn.Linear(in_dim, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, in_dim, bias=False), nn.ReLU()
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Adapt ``x``."""
        if x.shape[-1] != self.in_dim:
            raise ValueError(
                f"an adapter built with in_dim={self.in_dim} got features of width {x.shape[-1]}: "
                "set in_dim to the width that is stored."
            )
        adapted: Tensor = self.adapter(x)
        return Encoding(self.ratio * adapted + (1 - self.ratio) * x, mask=mask)

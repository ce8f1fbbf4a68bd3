"""The mean over the frames of a clip."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.types import Encoding


class FrameMean(nn.Module):
    r"""Mean of the real frames, :math:`\frac{1}{|R|} \sum_{t \in R} x_t`; nothing is trained.

    Args:
        out_dim: Width D of the frame features.

    Shape:
        - Input: (B, T, D); ``mask`` (B, T), True = real.
        - Output: ``pooled`` (B, D), 0 for a clip without a real frame.

    Raises:
        ValueError: If the features have another shape or width.

    Examples:
        >>> import torch
        >>> FrameMean(1)(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]])).pooled
        tensor([[2.]])
    """

    def __init__(self, out_dim: int) -> None:
        super().__init__()
        self.out_dim = out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Average ``x`` over its frames."""
        if x.ndim != 3 or x.shape[-1] != self.out_dim:
            raise ValueError(
                f"FrameMean of width {self.out_dim} got features of shape {tuple(x.shape)}: give (B, T, "
                f"{self.out_dim})."
            )
        if mask is None:
            return Encoding(pooled=x.mean(dim=1))
        real = mask.unsqueeze(-1)
        # `where`, not a product: what stands in a masked frame may be anything, NaN included.
        total = x.where(real, x.new_zeros(())).sum(dim=1)
        return Encoding(pooled=total / real.sum(dim=1).clamp(min=1))

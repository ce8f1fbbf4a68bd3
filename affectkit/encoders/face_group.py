"""Several faces, and the scene around them, to one vector."""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor, nn

from affectkit.temporal import FaceAreaPooling
from affectkit.types import Encoder, Encoding


class FaceGroupEncoder(nn.Module):
    r"""Runs an encoder of pictures over the faces of a group and weights them by their areas.

    .. math:: x = \Big[\textstyle\sum_i \frac{a_i}{\sum_j a_j} f_i;\; s\Big]

    with :math:`f_i` the features of face i and s those of the scene. Only pictures that are there are
    encoded, all of a batch in one call. See :class:`~affectkit.temporal.FaceAreaPooling`.

    Args:
        encoder: Encoder of single pictures, e.g. :class:`~affectkit.encoders.TimmImageEncoder`.
        scene: Whether the first picture of each group is the scene, whose features stand beside the faces'.

    Shape:
        - Input: (B, N, 3, H, W); ``mask`` (B, N), the area of each picture, 0 where there is none; as bool,
          every face counts alike; None = all are there.
        - Output: ``pooled`` (B, D), or (B, 2 D) with a scene; 0 in the half that nothing was seen for.

    Raises:
        TypeError: If the encoder is not an ``nn.Module``.
        ValueError: If input and mask do not fit.

    References:
        Vishal Chudasama, Purbayan Kar, Ashish Gudmalwar, Nirmesh Shah, Pankaj Wasnik, Naoyuki Onoe. M2FNet:
        Multi-modal Fusion Network for Emotion Recognition in Conversation. CVPR 2022 workshop.
        arXiv:2206.02187.

    Deviation from the paper:
        One network reads faces and scenes; how the published ones are joined is not known to us.

    Examples:
        >>> from affectkit.encoders import TimmImageEncoder
        >>> group = FaceGroupEncoder(TimmImageEncoder("tiny")).eval()
        >>> areas = torch.tensor([[900.0, 100.0], [400.0, 0.0]])
        >>> group(torch.rand(2, 2, 3, 32, 32), areas).pooled.shape == (2, group.out_dim)
        True
    """

    modality: Final = "visual"
    #: Pictures, not stored features: a task then asks the data for no width of features.
    reads_raw: Final = True

    def __init__(self, encoder: Encoder, *, scene: bool = False) -> None:
        super().__init__()
        if not isinstance(encoder, nn.Module):
            raise TypeError(f"FaceGroupEncoder got {type(encoder).__name__}: give an nn.Module.")
        self.encoder = cast(nn.Module, encoder)
        self.scene = scene
        self.pool = FaceAreaPooling(encoder.out_dim, encoder.out_dim if scene else 0)
        self.out_dim = self.pool.out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode groups ``x`` (B, N, 3, H, W) with their areas."""
        least = 1 + int(self.scene)
        if x.ndim != 5 or x.shape[1] < least or (mask is not None and mask.shape != x.shape[:2]):
            raise ValueError(
                f"FaceGroupEncoder got pictures of shape {tuple(x.shape)} and areas of shape "
                f"{None if mask is None else tuple(mask.shape)}: give (B, N, 3, H, W) with at least {least} "
                "pictures, and areas (B, N)."
            )
        areas = torch.ones(x.shape[:2], device=x.device) if mask is None else mask.float()
        there = areas > 0
        width = self.pool.face_dim
        features = torch.zeros(*there.shape, width, device=x.device)
        if bool(there.any()):
            found: Encoding = self.encoder(x[there])
            features = features.to(found.pooled.dtype)
            features = features.masked_scatter(there.unsqueeze(2), found.pooled)
        first = int(self.scene)
        scene = features[:, :1] if self.scene else None
        seen = there[:, :1] if self.scene else None
        pooled: Encoding = self.pool(
            features[:, first:].unsqueeze(1), areas[:, first:].unsqueeze(1), scene, seen
        )
        return Encoding(pooled.pooled)

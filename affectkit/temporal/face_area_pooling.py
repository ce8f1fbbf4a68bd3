"""Several faces and the scene around them to one vector of a frame, and frames to one of a clip."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from affectkit.types import Encoding

#: How frames become one vector.
FramePooling: TypeAlias = Literal["max", "mean"]


class FaceAreaPooling(nn.Module):
    r"""Faces weighted by the area of their boxes, beside the scene, pooled over frames.

    .. math:: x_t = \Big[\textstyle\sum_i \frac{a_{ti}}{\sum_j a_{tj}} f_{ti};\; s_t\Big], \qquad
        x = \max_t x_t

    The larger face, which is mostly the nearer one, counts more. A frame without a face has only its
    scene: its faces' half is 0 and takes no part in the pooling over frames; without a scene it is the other
    half. Faces and scenes come from any encoder of pictures, such as
    :class:`~affectkit.encoders.TimmImageEncoder`.

    Args:
        face_dim: Width of a face's features.
        scene_dim: Width of a scene's features; 0 = no scene.
        frames: ``"max"`` or ``"mean"`` over the frames that have the half in question.

    Shape:
        - faces: (B, T, N, face_dim), areas: (B, T, N), 0 where there is no face; what the features are there
          does not matter.
        - scenes: (B, T, scene_dim); scene_mask: (B, T) bool, True = real, None = every frame is.
        - Output: ``pooled`` (B, D); ``tokens`` (B, T, D); ``mask`` (B, T), frames that have anything.

    Raises:
        ValueError: If a width or a shape does not fit, or an area is negative or not finite.

    References:
        Vishal Chudasama, Purbayan Kar, Ashish Gudmalwar, Nirmesh Shah, Pankaj Wasnik, Naoyuki Onoe. M2FNet:
        Multi-modal Fusion Network for Emotion Recognition in Conversation. CVPR 2022 workshop.
        arXiv:2206.02187.

    Deviation from the paper:
        How the weighted faces and the scene become one vector is not known to us; they stand side by side.

    Examples:
        >>> pool = FaceAreaPooling(2, 1)
        >>> faces = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
        >>> pool(faces, torch.tensor([[[0.3, 0.1]]]), torch.tensor([[[5.0]]])).pooled.tolist()
        [[0.75, 0.25, 5.0]]
    """

    def __init__(self, face_dim: int, scene_dim: int = 0, *, frames: FramePooling = "max") -> None:
        super().__init__()
        if face_dim < 1 or scene_dim < 0 or frames not in ("max", "mean"):
            raise ValueError(
                f"FaceAreaPooling got face_dim={face_dim}, scene_dim={scene_dim}, frames={frames!r}: give a "
                "width from 1, one from 0, and 'max' or 'mean'."
            )
        self.face_dim = face_dim
        self.scene_dim = scene_dim
        self.frames: FramePooling = frames
        self.out_dim = face_dim + scene_dim

    def forward(
        self, faces: Tensor, areas: Tensor, scenes: Tensor | None = None, scene_mask: Tensor | None = None
    ) -> Encoding:
        """Pool faces and scenes."""
        self._check(faces, areas, scenes)
        there = areas > 0
        share = areas / areas.sum(dim=2, keepdim=True).clamp(min=torch.finfo(areas.dtype).tiny)
        # Not a product with a share of 0: the features of no face may be NaN.
        known = faces.masked_fill(~there.unsqueeze(3), 0.0)
        face = (known * share.unsqueeze(3)).sum(dim=2)
        seen = there.any(dim=2)
        parts, masks = [face], [seen]
        if scenes is not None:
            real = torch.ones_like(seen) if scene_mask is None else scene_mask
            parts.append(scenes.masked_fill(~real.unsqueeze(2), 0.0))
            masks.append(real)
        pooled = torch.cat([self._over_frames(part, mask) for part, mask in zip(parts, masks)], dim=1)
        return Encoding(pooled, tokens=torch.cat(parts, dim=2), mask=torch.stack(masks).any(dim=0))

    def _over_frames(self, frames: Tensor, mask: Tensor) -> Tensor:
        shown = mask.unsqueeze(2)
        if self.frames == "mean":
            return frames.sum(dim=1) / shown.sum(dim=1).clamp(min=1)
        largest = frames.masked_fill(~shown, torch.finfo(frames.dtype).min).amax(dim=1)
        return torch.where(shown.any(dim=1), largest, 0.0)

    def _check(self, faces: Tensor, areas: Tensor, scenes: Tensor | None) -> None:
        scene_shape = (*areas.shape[:2], self.scene_dim) if self.scene_dim else None
        shapes = [None if part is None else tuple(part.shape) for part in (faces, areas, scenes)]
        if areas.ndim != 3 or shapes[0] != (*areas.shape, self.face_dim) or shapes[2] != scene_shape:
            raise ValueError(
                f"FaceAreaPooling({self.face_dim}, {self.scene_dim}) got faces {shapes[0]}, areas "
                f"{shapes[1]} and scenes {shapes[2]}: give faces (B, T, N, face_dim), areas (B, T, N), and "
                "scenes (B, T, scene_dim) unless scene_dim is 0."
            )
        if not bool((areas >= 0).logical_and(areas.isfinite()).all()):
            raise ValueError(
                "FaceAreaPooling got an area that is negative or not finite: give 0 where there is no face."
            )

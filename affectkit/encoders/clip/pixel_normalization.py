"""What weights expect of pixels."""

from __future__ import annotations

from typing import Literal, NamedTuple

Channels = tuple[float, float, float]
NormalizationName = Literal["clip", "imagenet", "half", "none"]


class PixelNormalization(NamedTuple):
    """Mean and deviation of each channel, for pixels in 0..1."""

    mean: Channels
    std: Channels


#: ``clip``: OpenAI's and most of open_clip. ``half``: SigLIP. ``none``: pixels in 0..1 as they are.
NORMALIZATIONS: dict[NormalizationName, PixelNormalization] = {
    "clip": PixelNormalization((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "imagenet": PixelNormalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": PixelNormalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": PixelNormalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}

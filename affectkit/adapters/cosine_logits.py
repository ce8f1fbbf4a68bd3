"""Scaled cosines between pictures and classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.encoders.clip import ClipBase


def cosine_logits(
    features: Tensor, text: Tensor, base: ClipBase, *, temperature: float | None = None
) -> Tensor:
    r"""Logits :math:`e^{s} \cos(f, t_c) + b` with the temperature and bias of the base.

    In float32 also under autocast: the factor is near 100, and bfloat16 has three digits.

    Args:
        features: (B, E), of any length.
        text: (C, E) for all rows, or (B, C, E) for each its own; of any length.
        base: Holds ``logit_scale`` and ``logit_bias``.
        temperature: Divides the cosines in place of scale and bias of the base.

    Returns:
        (B, C) float32.
    """
    with torch.autocast(features.device.type, enabled=False):
        picture = F.normalize(features.float(), dim=-1)
        words = F.normalize(text.float(), dim=-1)
        cosine = picture @ words.T if text.dim() == 2 else torch.einsum("be,bce->bc", picture, words)
        if temperature is not None:
            return cosine / temperature
        logits = base.logit_scale.float().exp() * cosine
        return logits if base.logit_bias is None else logits + base.logit_bias.float()

"""Noise on the embeddings of a text in training."""

from __future__ import annotations

import torch
from torch import Tensor


def embedding_noise(embeddings: Tensor, mask: Tensor, *, alpha: float) -> Tensor:
    r"""Add :math:`\frac{\alpha}{\sqrt{T D}}\,\epsilon`, :math:`\epsilon \sim U(-1, 1)`, to real tokens.

    Args:
        embeddings: Embeddings of the tokens.
        mask: True where a token is real.
        alpha: Strength; 0 adds nothing.

    Shape:
        - embeddings: (B, T, D); mask: (B, T).
        - result: (B, T, D).

    References:
        N. Jain et al. NEFTune: Noisy Embeddings Improve Instruction Finetuning. ICLR 2024.
        arXiv:2310.05914.

    Deviation from the paper:
        T counts the real tokens of a text, so that its noise does not depend on the texts beside it.

    Examples:
        >>> noisy = embedding_noise(torch.zeros(1, 4, 9), torch.ones(1, 4, dtype=torch.bool), alpha=6.0)
        >>> bool(noisy.abs().max() <= 1.0), bool(noisy.any())
        (True, True)
    """
    if not alpha:
        return embeddings
    length = mask.sum(dim=1).clamp(min=1) * embeddings.shape[-1]
    scale = (alpha / length.sqrt()).to(embeddings.dtype)[:, None, None] * mask.unsqueeze(-1)
    return embeddings + scale * (2 * torch.rand_like(embeddings) - 1)

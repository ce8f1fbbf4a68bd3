"""Weights of conversations that rise as training goes on."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.functional.shift_ratio import shift_ratio


class ErnetclWeighting:
    r"""Soft curriculum: a conversation's weight is :math:`\sigma((\mu - d) / s)`, :math:`\mu = t / \Delta`.

    d is the conversation's :func:`~affectkit.functional.shift_ratio`, t the progress of training. Calm
    conversations weigh more at any time, and all gain as t grows.

    Args:
        sigma: Softness s; 0.7, 0.4 and 0.6 are published.
        delay: :math:`\Delta`. The published 7 to 10 let :math:`\mu` reach about 1/9 at the end of
            training, so the weights hardly move; 0.5 or 1 makes it a curriculum.

    Raises:
        ValueError: If a number is not positive, or ``progress`` is not in [0, 1].

    References:
        ERNetCL, official code (lijfrank-open/ERNetCL, currlearnloss.py).

    Deviation from the paper:
        Padding gets 0 (the official code spreads the weight over it and masks later), and utterances
        without a label are left out of every count.

    Examples:
        >>> label, speaker = torch.tensor([[1, 1, 2]]), torch.tensor([[0, 0, 0]])
        >>> weighting = ErnetclWeighting()
        >>> weighting.weights(label, speaker, speaker == 0, progress=0.5).shape
        torch.Size([1, 3])
    """

    def __init__(self, *, sigma: float = 0.7, delay: float = 9.0) -> None:
        if sigma <= 0.0 or delay <= 0.0:
            raise ValueError(f"ErnetclWeighting got sigma={sigma}, delay={delay}: give numbers > 0.")
        self.sigma = sigma
        self.delay = delay

    def weights(self, label: Tensor, speaker: Tensor, mask: Tensor, progress: float) -> Tensor:
        """Weight of each utterance, (B, U) float32, from label, speaker and mask (B, U)."""
        if not 0.0 <= progress <= 1.0:
            raise ValueError(
                f"ErnetclWeighting got progress={progress}: give the place in training as a share, 0 to 1."
            )
        difficulty = shift_ratio(label, speaker, mask)
        weight = torch.sigmoid((progress / self.delay - difficulty) / self.sigma)
        return weight.unsqueeze(1) * mask

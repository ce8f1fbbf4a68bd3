"""Where a speaker's emotion changes, and whose turn is an answer."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


def emotion_shift_labels(label: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
    """Whether each turn's label differs from that of the same speaker's turn before.

    Turns without a label are stepped over: the turn before is the speaker's last one that has one.

    Args:
        label: Labels; -100 = absent.
        speaker: Speakers, any numbers >= 0.
        mask: True = real.

    Shape:
        - Input: (B, U) each.
        - Output: (B, U) int64: 1 where the emotion shifts, 0 where it stays, -100 on padding, without a
          label, and on a speaker's first turn.

    Examples:
        >>> label, speaker = torch.tensor([[2, 5, 2, 1]]), torch.tensor([[0, 1, 0, 1]])
        >>> emotion_shift_labels(label, speaker, speaker >= 0).tolist()
        [[-100, -100, 0, 1]]
    """
    known = mask.bool() & (label != IGNORE_LABEL)
    own = known.unsqueeze(1) & known.unsqueeze(2) & (speaker.unsqueeze(1) == speaker.unsqueeze(2))
    time = torch.arange(label.shape[1], device=label.device)
    last = torch.where(own.tril(-1), time, -1).amax(-1) if label.shape[1] else torch.zeros_like(label)
    shifted = (label != label.gather(1, last.clamp(min=0))).long()
    return torch.where(known & (last >= 0), shifted, IGNORE_LABEL)


def answering_turn(speaker: Tensor, mask: Tensor) -> Tensor:
    """Place of the next turn of somebody else: the answer.

    Args:
        speaker: Speakers, any numbers >= 0.
        mask: True = real.

    Shape:
        - Input: (B, U) each.
        - Output: (B, U) int64; -1 on padding and where nobody else speaks any more.

    Examples:
        >>> speaker = torch.tensor([[0, 0, 1, 0]])
        >>> answering_turn(speaker, speaker >= 0).tolist()
        [[2, 2, 3, -1]]
    """
    real = mask.bool()
    other = real.unsqueeze(1) & real.unsqueeze(2) & (speaker.unsqueeze(1) != speaker.unsqueeze(2))
    later = other.triu(1)
    first = later.to(torch.uint8).argmax(dim=2) if speaker.shape[1] else torch.zeros_like(speaker)
    return torch.where(later.any(2), first, -1)

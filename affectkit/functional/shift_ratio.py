"""Share of emotional shifts of a batch of conversations."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL


def shift_ratio(label: Tensor, speaker: Tensor, mask: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    r"""Mean over speakers of their share of shifts, :math:`d = \frac{1}{P} \sum_p s_p / (n_p + \epsilon)`.

    :math:`s_p` counts the labelled utterances of speaker p whose label differs from that of p's
    utterance before, the first one included; :math:`n_p` counts all of p's labelled utterances.

    Args:
        label: Labels; -100 = absent, left out of every count.
        speaker: Speakers, any whole numbers.
        mask: True = real.
        epsilon: Keeps the division defined; the official code has 1e-5.

    Shape:
        - Input: (B, U) each.
        - Output: (B,) float32, 0 for a conversation without labels.

    References:
        ERNetCL, official code (lijfrank-open/ERNetCL, currlearnloss.py).

    Examples:
        >>> label, speaker = torch.tensor([[1, 1, 2]]), torch.tensor([[0, 0, 0]])
        >>> round(float(shift_ratio(label, speaker, speaker == 0)), 4)
        0.6667
    """
    counted = mask.bool() & (label != IGNORE_LABEL)
    pair = counted.unsqueeze(1) & counted.unsqueeze(2) & (speaker.unsqueeze(1) == speaker.unsqueeze(2))
    before = pair.tril(-1)
    # Position of the speaker's utterance before, -1 for the speaker's first.
    time = torch.arange(label.shape[1], device=label.device)
    last = torch.where(before, time, -1).amax(-1)
    first = counted & (last < 0)
    shifted = counted & ((label != label.gather(1, last.clamp(min=0))) | first)
    own = pair.sum(-1) + epsilon
    parties = first.sum(1).clamp(min=1)
    return (shifted / own).sum(1) / parties

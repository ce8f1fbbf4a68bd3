"""The real utterances of each conversation, gathered to the front in either direction.

A recurrence over such a sequence meets padding only after its last real utterance, so padding
cannot influence a result, wherever the mask has its gaps; and no length leaves the device.
"""

from __future__ import annotations

import torch
from torch import Tensor


def forward_order(mask: Tensor) -> Tensor:
    """Positions of the real utterances in order of time, then those of the padding.

    Shape:
        - mask: (B, U) bool, True = real.
        - Output: (B, U) int64, a permutation in each row.

    Examples:
        >>> forward_order(torch.tensor([[True, False, True]])).tolist()
        [[0, 2, 1]]
    """
    return torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)


def backward_order(mask: Tensor) -> Tensor:
    """Positions of the real utterances from last to first, then those of the padding.

    Shape:
        - mask: (B, U) bool, True = real.
        - Output: (B, U) int64, a permutation in each row.

    Examples:
        >>> backward_order(torch.tensor([[True, True, False]])).tolist()
        [[1, 0, 2]]
    """
    size = mask.shape[1]
    time = torch.arange(size, device=mask.device)
    return torch.argsort(torch.where(mask, -time, time + size), dim=1)


def take_order(sequence: Tensor, order: Tensor) -> Tensor:
    """Rearrange ``sequence`` (B, U) or (B, U, D) so that place t holds utterance ``order[:, t]``."""
    if sequence.dim() == 2:
        return sequence.gather(1, order)
    return sequence.gather(1, order.unsqueeze(-1).expand(-1, -1, sequence.shape[-1]))


def restore_order(sequence: Tensor, order: Tensor) -> Tensor:
    """Undo :func:`take_order`."""
    return take_order(sequence, torch.argsort(order, dim=1))


def utterance_mask(pooled: Tensor, mask: Tensor | None, *, owner: str, in_dim: int) -> Tensor:
    """Check the shape of a conversation's features and return their mask, all real where none is given.

    Raises:
        ValueError: If ``pooled`` is not (B, U, in_dim), or ``mask`` is not (B, U).
    """
    if pooled.dim() != 3 or pooled.shape[-1] != in_dim:
        raise ValueError(
            f"{owner} was built with in_dim={in_dim} and got features of shape {tuple(pooled.shape)}: "
            f"give (B, U, {in_dim})."
        )
    if mask is None:
        return torch.ones(pooled.shape[:2], dtype=torch.bool, device=pooled.device)
    if mask.shape != pooled.shape[:2]:
        raise ValueError(
            f"{owner} got a mask of shape {tuple(mask.shape)} for features of shape {tuple(pooled.shape)}: "
            "give (B, U), True where an utterance is real."
        )
    return mask.bool()


def order_of_appearance(speaker: Tensor) -> Tensor:
    """Number the speakers of each conversation by who spoke first; what comes later changes nothing.

    Shape:
        - speaker: (B, U) int64, any numbers >= 0, -1 on padding.
        - Output: (B, U) int64, from 0, -1 on padding.

    Examples:
        >>> order_of_appearance(torch.tensor([[4, 2, 4, -1, 0]])).tolist()
        [[0, 1, 0, -1, 2]]
    """
    same = speaker.unsqueeze(2) == speaker.unsqueeze(1)
    debut = same.to(torch.uint8).argmax(dim=2)
    time = torch.arange(speaker.shape[1], device=speaker.device)
    number = ((debut == time) & (speaker >= 0)).cumsum(1) - 1
    return number.gather(1, debut).masked_fill(speaker < 0, -1)

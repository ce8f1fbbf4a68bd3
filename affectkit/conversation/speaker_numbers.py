"""Who speaks, checked in one way for the models that read it."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.conversation.turn_order import order_of_appearance


def speaker_numbers(
    speaker: Tensor | None, mask: Tensor, *, owner: str, num_speakers: int | None = None, remedy: str
) -> Tensor:
    """Check the speakers of a batch and return them with -1 on padding.

    Args:
        speaker: Number of the speaker of each utterance, from 0 within each conversation.
        mask: True where an utterance is real.
        owner: The model's name, for messages.
        num_speakers: How many speakers of one conversation it was made for; then they are numbered anew by
            who spoke first. None = any number, and numbers as they are.
        remedy: What to do where speakers are missing or too many, as the end of the sentence.

    While torch.compile or torch.export follows it, only shapes are checked, and numbers stay below
    ``num_speakers``: the model then puts its result through :func:`without_unknown_speakers`.

    Shape:
        - speaker, mask, output: (B, U)

    Raises:
        ValueError: If speakers are missing, too many, or of another shape.

    Examples:
        >>> import torch
        >>> mask = torch.tensor([[True, True, False]])
        >>> speaker_numbers(torch.tensor([[0, 1, 7]]), mask, owner="Model", remedy="...").tolist()
        [[0, 1, -1]]
    """
    if speaker is None:
        raise ValueError(
            f"{owner} needs to know who speaks: pass speaker (B, U), numbered from 0 within each "
            f"conversation, or {remedy}."
        )
    if speaker.shape != mask.shape:
        raise ValueError(
            f"{owner} got speakers of shape {tuple(speaker.shape)} for a mask of shape "
            f"{tuple(mask.shape)}: give one speaker for each utterance."
        )
    # A graph of tensors decides nothing by their numbers.
    looks = not torch.compiler.is_compiling()
    if looks and bool((mask & (speaker < 0)).any()):
        raise ValueError(
            f"{owner} got a real utterance without a speaker (-1): number the speakers of each conversation "
            "from 0, or mark the utterance as padding in the mask."
        )
    known = speaker.masked_fill(~mask, -1)
    if num_speakers is None:
        return known
    known = order_of_appearance(known)
    if not looks:
        return known.clamp(max=num_speakers - 1)
    if bool((known >= num_speakers).any()):
        raise ValueError(
            f"{owner} was made for num_speakers={num_speakers} and got a conversation of "
            f"{int(known.max()) + 1} speakers: raise num_speakers, or {remedy}."
        )
    return known


def without_unknown_speakers(
    pooled: Tensor, speaker: Tensor | None, mask: Tensor, *, num_speakers: int | None = None
) -> Tensor:
    """Make the answers of a graph of tensors NaN for conversations that :func:`speaker_numbers` refuses.

    A compiled or exported model can raise no error about what its tensors hold, and an answer that looks like
    any other would be believed. Outside of torch.compile and torch.export nothing is changed, since the model
    has refused already.

    Args:
        pooled: What the model made of the conversations.
        speaker: Who speaks, as the model got it.
        mask: True where an utterance is real.
        num_speakers: As of :func:`speaker_numbers`.

    Shape:
        - pooled, output: (B, U, D); speaker, mask: (B, U)
    """
    if speaker is None or not torch.compiler.is_compiling():
        return pooled
    refused = (mask & (speaker < 0)).any(dim=1, keepdim=True)
    if num_speakers is not None:
        order = order_of_appearance(speaker.masked_fill(~mask, -1))
        refused = refused | (order >= num_speakers).any(dim=1, keepdim=True)
    return pooled.masked_fill((refused & mask).unsqueeze(2), torch.nan)

"""Which turns of a conversation have which modality, where an encoder found that out."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.types import Encoding


def turn_presence(
    parts: Mapping[str, Encoding], batch: AffectBatch
) -> tuple[dict[str, Encoding], dict[str, Tensor]]:
    """Parts under the mask of their conversation, with which rows have which.

    An encoder of recordings says by its mask which turns it heard. A turn that it did not hear lacks that
    modality alone: its mask must not hide what the others know of the turn, and zeros must not pass for
    silence.

    Args:
        parts: What the encoders made of a batch.
        batch: The batch; without ``masks["utterance"]`` nothing is changed.

    Shape:
        - parts[m].pooled: (B, U, D) and ``mask`` (B, U), for the parts that are changed.
        - Returns: ``mask`` of these is that of the conversation; ``present[m]`` (B,) or (B, U).
    """
    present = {name: flag for name, flag in batch.present.items() if name in parts}
    turns = batch.masks.get("utterance")
    found = dict(parts)
    if turns is None:
        return found, present
    for name, part in parts.items():
        if part.mask is None or part.pooled.shape[:-1] != turns.shape or part.mask.shape != turns.shape:
            continue
        # On padding there is nothing to be heard, and nothing is said about it.
        heard = part.mask.bool() | ~turns
        present[name] = present[name].bool() & heard if name in present else heard
        found[name] = part._replace(mask=turns)
    return found, present

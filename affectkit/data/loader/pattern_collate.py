"""Local binary patterns as further inputs, taken from the pixels that a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import torch

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import Collate
from affectkit.functional import local_binary_pattern

SampleT = TypeVar("SampleT")

#: What is added to the name of a view for that of its patterns.
SUFFIX: Final = "_lbp"


class PatternCollate(Generic[SampleT]):
    """Adds ``inputs["NAME_lbp"]`` for every view of pictures.

    Here is where it has to be: the pixels have been cut, resized, flipped and turned already, which
    codes of neighbours would not survive, and they are bytes still, which is what codes are read from.

    Args:
        collate: Joins the samples.

    Shape:
        - inputs["NAME_lbp"]: (..., 3, H, W) uint8 as ``inputs["NAME"]``, three equal channels.
    """

    def __init__(self, collate: Collate[SampleT]) -> None:
        self._collate = collate

    def __call__(
        self,
        samples: Sequence[SampleT],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples`` and take the patterns."""
        batch = self._collate(samples, keys=keys, positions=positions, valid=valid)
        for name, pixels in list(batch.inputs.items()):
            codes = local_binary_pattern(pixels)
            if codes.dim() == 4:
                codes = codes.contiguous(memory_format=torch.channels_last)
            batch.inputs[f"{name}{SUFFIX}"] = codes
        return batch

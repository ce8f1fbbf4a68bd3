"""Texts to a batch of token ids, padded together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.encoders import TextTokenizer

INPUT: Final = "text"


class TextReader:
    """Reads the record of a text.

    Raises:
        ShardError: If the record is missing, damaged, or has no text.
    """

    def __call__(self, members: Mapping[str, memoryview]) -> ItemRecord:
        """Read ``members``."""
        record = read_item(members)
        if "text" not in record:
            raise ShardError("The record has no text: leave the sample out, or give it one.")
        return record


class TextCollate:
    """Tokenises texts and joins them.

    Args:
        target: Joins the annotations.
        tokenizer: Makes ids of texts.

    Shape:
        - inputs["text"]: (B, T) int64, T the longest text; masks["text"]: (B, T) bool, True = real.
        - meta["text"]: B strings.
    """

    def __init__(self, target: ItemTarget, tokenizer: TextTokenizer) -> None:
        self._target = target
        self._tokenizer = tokenizer

    def __call__(
        self,
        samples: Sequence[ItemRecord],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        texts = [record["text"] for record in samples]
        ids, mask = self._tokenizer.padded(self._tokenizer(texts))
        return AffectBatch(
            inputs={INPUT: ids},
            masks={INPUT: mask},
            target=self._target(samples, keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions), "text": texts},
        )

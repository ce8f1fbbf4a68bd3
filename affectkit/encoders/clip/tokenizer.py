"""Texts to token ids, with the place where each text ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Tokens(NamedTuple):
    """Texts as token ids.

    Shape:
        - ids: (N, L) int64, padded.
        - end: (N,) int64, the position of the last token that counts: the end mark, where there is one.
    """

    ids: Tensor
    end: Tensor


class ClipTokenizer:
    """Tokenises for one model, and refuses texts that the model could not read whole.

    Args:
        encode: Texts and a number of positions to (N, positions) ids, padded.
        context_length: Positions that the model reads.
        end_id: Id of the end mark; None = texts end without one.
        pad_id: Id of padding.
    """

    def __init__(
        self,
        encode: Callable[[list[str], int], Tensor],
        *,
        context_length: int,
        end_id: int | None,
        pad_id: int,
    ) -> None:
        self._encode = encode
        self.context_length = context_length
        self.end_id = end_id
        self.pad_id = pad_id
        empty = int(self._find_end(encode([""], context_length))[0])
        #: Tokens that stand before every text.
        self.prefix = empty if end_id is not None else empty + 1
        self._empty = empty

    def __deepcopy__(self, memo: dict[int, object]) -> ClipTokenizer:
        # Nothing in it ever changes, and a vocabulary is large.
        return self

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Tokenise ``texts``.

        Raises:
            ValueError: If a text is too long for the model, or nothing is left of it as tokens.
        """
        # Room for what is too long, so that the message can say by how much.
        ids = self._encode(list(texts), 4 * self.context_length)
        end = self._find_end(ids)
        for place, (text, last) in enumerate(zip(texts, end.tolist())):
            if last == self._empty:
                raise ValueError(
                    f"text {place + 1} of {len(texts)}, {text!r}, has no token at all: give one with words."
                )
            if last >= self.context_length:
                raise ValueError(
                    f"text {place + 1} of {len(texts)}, {_short(text)!r}, has {last + 1} tokens where the "
                    f"model reads {self.context_length}: shorten it."
                )
        return Tokens(ids[:, : self.context_length].contiguous(), end)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text without marks."""
        end = self(texts).end
        return [last - self._empty for last in end.tolist()]

    def _find_end(self, ids: Tensor) -> Tensor:
        if self.end_id is not None:
            # The first one: some models pad with their end mark.
            return (ids == self.end_id).int().argmax(dim=1)
        real = (ids != self.pad_id).int()
        steps = torch.arange(ids.shape[1]).expand_as(ids)
        return (steps * real).amax(dim=1)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."

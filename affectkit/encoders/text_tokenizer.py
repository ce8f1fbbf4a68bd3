"""Texts to token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from affectkit.encoders.plain_punctuation import plain_punctuation
from affectkit.encoders.transformers_bridge import load_tokenizer, text_model_source


class TextTokenizer:
    """The tokenizer of a text encoder, which a data module runs where it joins a batch.

    Pickled, it is its name and options; a worker process loads it anew.

    Args:
        name_or_path: Local folder, or a hub name, of the encoder that will read the ids.
        max_length: Tokens kept of a text; None = what the tokenizer states, 512 at most.
        ascii_punctuation: Whether curly quotes, dashes and ellipses are written in ASCII first; see
            :func:`~affectkit.encoders.plain_punctuation.plain_punctuation`.

    Raises:
        MissingExtraError: If transformers is not installed.
        FileNotFoundError: If the name is written as a path and no folder is there.
        ValueError: If ``max_length`` is not positive.

    Examples:
        >>> tokens = TextTokenizer("tiny")
        >>> tokens.tokenizer.convert_ids_to_tokens(tokens(["oh no"])[0])
        ['[CLS]', 'o', '##h', 'n', '##o', '[SEP]']
    """

    def __init__(
        self, name_or_path: str, *, max_length: int | None = None, ascii_punctuation: bool = True
    ) -> None:
        if max_length is not None and max_length < 1:
            raise ValueError(f"TextTokenizer got max_length={max_length}: give 1 or more, or None.")
        self.source = text_model_source(name_or_path, owner="TextTokenizer")
        self.tokenizer: Any = load_tokenizer(self.source)
        # Tokenizers without a limit state a huge number.
        self.max_length = max_length or min(int(self.tokenizer.model_max_length), 512)
        self.ascii_punctuation = ascii_punctuation

    @property
    def pad_id(self) -> int:
        """What fills up a row."""
        return int(self.tokenizer.pad_token_id)

    @property
    def mask_token(self) -> str:
        """What stands for a hidden word, as text; empty where the encoder was trained without."""
        return str(self.tokenizer.mask_token or "")

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, at least one.

        Raises:
            TypeError: If an item is not a string.
        """
        wrong = next((text for text in texts if not isinstance(text, str)), None)
        if wrong is not None:
            raise TypeError(f"TextTokenizer got an item of type {type(wrong).__name__}: give str.")
        if not texts:
            return []
        written = [plain_punctuation(text) for text in texts] if self.ascii_punctuation else list(texts)
        rows: list[list[int]] = self.tokenizer(
            written, truncation=True, max_length=self.max_length, padding=False
        )["input_ids"]
        # A tokenizer without start and end marks gives an empty text no token at all.
        return [row or [self.pad_id] for row in rows]

    def padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Ids as one tensor, and where they are real.

        Shape:
            - result: (B, T) int64 and (B, T) bool, T the longest row.
        """
        longest = max(map(len, rows), default=0)
        ids = torch.full((len(rows), longest), self.pad_id)
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
            mask[place, : len(row)] = True
        return ids, mask

    def __reduce__(self) -> tuple[object, ...]:
        return _made_again, (self.source.name, self.max_length, self.ascii_punctuation)


def _made_again(name: str, max_length: int, ascii_punctuation: bool) -> TextTokenizer:
    return TextTokenizer(name, max_length=max_length, ascii_punctuation=ascii_punctuation)

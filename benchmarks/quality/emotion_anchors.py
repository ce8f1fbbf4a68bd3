"""Valence, arousal and dominance of words, as people rated them, from a lexicon on disk.

The published systems that ``cat_dim_text.py`` compares with read the NRC VAD Lexicon, version 1 (Saif M.
Mohammad. Obtaining Reliable Human Ratings of Valence, Arousal, and Dominance for 20,000 English Words. ACL
2018). It is free for research and education, not for commercial use, so nothing of it is in this project: who
wants the systems that read it gets it from its author. Any file of the same layout will do: a line is a word,
its valence, arousal and dominance in 0..1, with tabs between them; the first line may be a header.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

COLUMNS = ("word", "valence", "arousal", "dominance")


class LexiconError(ValueError):
    """A lexicon that cannot be read, or lacks a word."""


def read_lexicon(path: Path, words: Sequence[str]) -> Tensor:
    """Ratings (W, 3) in 0..1 of the words, in their order.

    Raises:
        LexiconError: If the file is not there, a line is not a word and three numbers in 0..1, or a word is
            missing or rated twice.
    """
    if not path.is_file():
        raise LexiconError(f"There is no lexicon at {path}: give --lexicon a file, or leave it out.")
    wanted = set(words)
    found: dict[str, list[float]] = {}
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            place = f"{path}, line {number}"
            cells = line.rstrip("\r\n").split("\t")
            if len(cells) != len(COLUMNS):
                raise LexiconError(
                    f"{place} has {len(cells)} columns: give {', '.join(COLUMNS)} with tabs between them."
                )
            word, *texts = cells
            try:
                values = [float(text) for text in texts]
            except ValueError:
                if number == 1:
                    continue
                raise LexiconError(
                    f"{place} rates {word!r} by {texts}: give three numbers in 0..1."
                ) from None
            if not all(0 <= value <= 1 for value in values):
                raise LexiconError(f"{place} rates {word!r} by {values}: rescale the ratings to 0..1.")
            if word in wanted and word in found:
                raise LexiconError(f"{place} rates {word!r} a second time: keep one of the lines.")
            if word in wanted:
                found[word] = values
    if missing := [word for word in words if word not in found]:
        raise LexiconError(f"{path} does not rate {', '.join(missing)}: add a line for each.")
    return torch.tensor([found[word] for word in words], dtype=torch.float64)

"""Words of a text hidden at random while a model is trained."""

from __future__ import annotations

import re
from typing import Final

import torch

from affectkit.data.schema import ItemRecord

_WORD: Final = re.compile(r"\S+")


class WordDropout:
    r"""Hides each word of a text with one probability, so that no model leans on single words.

    .. math:: \tilde w_i = \begin{cases}\text{mark} & b_i = 1\\ w_i & b_i = 0\end{cases},
        \qquad b_i \sim \mathrm{Bernoulli}(p)

    Words are what white space separates, so that in scripts without it a text is one word and is left as
    it is: one word always is, since a text of which nothing is left says nothing about its labels.

    Args:
        probability: p, from 0 to below 1.
        mark: What stands in place of a word, e.g. the mask token of the encoder's tokenizer; empty = the word
            is left out.

    Raises:
        ValueError: If the probability is out of range.

    References:
        Iyyer, Manjunatha, Boyd-Graber, Daumé III: Deep Unordered Composition Rivals Syntactic Methods for
        Text Classification, ACL 2015.

    Deviation from the paper:
        It leaves words out; a mark in their place keeps what an encoder has learnt of positions.

    Examples:
        >>> hide = WordDropout(0.5, mark="[MASK]")
        >>> chance = torch.Generator().manual_seed(1)
        >>> hide({"id": "0", "label": 1, "text": "so very good"}, generator=chance)["text"]
        'so [MASK] [MASK]'
    """

    def __init__(self, probability: float, *, mark: str = "") -> None:
        if not 0 <= probability < 1:
            raise ValueError(f"WordDropout got probability={probability}: give 0 to below 1.")
        self.probability = probability
        self.mark = mark

    def __call__(self, sample: ItemRecord, *, generator: torch.Generator) -> ItemRecord:
        """Hide words of ``sample``; all chance comes from ``generator``."""
        words = _WORD.findall(sample["text"])
        if len(words) < 2:
            return sample
        hidden = (torch.rand(len(words), generator=generator) < self.probability).tolist()
        if all(hidden):
            return sample
        kept = [self.mark if out else word for word, out in zip(words, hidden, strict=True)]
        return {**sample, "text": " ".join(word for word in kept if word)}

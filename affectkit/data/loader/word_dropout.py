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

    Words are what white space separates, so that in scripts without it a text is one word. A text of which
    nothing would be left stays whole, since nothing says nothing about its labels; so one word always does.

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
        It leaves words out; a mark in their place keeps what an encoder has learnt of positions. The rule for
        a text that would lose every word is ours.

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
        text = sample["text"]
        number = len(_WORD.findall(text))
        hidden = (torch.rand(number, generator=generator) < self.probability).tolist()
        if not any(hidden) or all(hidden):
            return sample
        turn = iter(hidden)
        # White space stays as it is written: training must not read other texts than evaluation.
        return {**sample, "text": _WORD.sub(lambda word: self.mark if next(turn) else word[0], text)}

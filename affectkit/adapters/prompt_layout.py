"""Where trained vectors stand among the words of class prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.encoders.clip import ClipBase, ClipTextTower

ContextPosition = Literal["end", "middle", "front"]


class PromptLayout(nn.Module):
    """Puts context vectors among the embeddings of class texts.

    With n vectors v and the start and end marks of the model, where it has them:

    - ``end`` (the text ends the prompt): ``start v1 .. vn text . end``
    - ``middle``: ``start v1 .. v(n/2) text v(n/2+1) .. vn . end``
    - ``front``: ``start text v1 .. vn . end``

    Only positions that matter to the text tower are made. Nothing here is part of a state dict, so that
    trained vectors can be loaded for other classes.

    Args:
        base: Whose tokenizer is used; no submodule of this one.
        texts: What stands for each class.
        num_context: Number n of vectors.
        position: Where the text stands.
        words: Words before the text whose first n tokens the vectors replace; later ones stay as words.
        ending: What is written after each text.

    Shape:
        - Input: (..., C, n, W) vectors, or what broadcasts to it: (n, W) shared, (B, 1, n, W) for each row.
        - Output: (..., C, L, W) embeddings without positions; they end at ``end`` (C,).

    Raises:
        ValueError: If a prompt needs more positions than the text tower has, a text has no token, or
            ``words`` are too few or stand beside a ``position`` other than ``end`` without being replaced.
    """

    ids: Tensor
    end: Tensor
    place: Tensor

    def __init__(
        self,
        base: ClipBase,
        texts: Sequence[str],
        num_context: int,
        *,
        position: ContextPosition = "end",
        words: str | None = None,
        ending: str = ".",
    ) -> None:
        super().__init__()
        if num_context < 1 or position not in ("end", "middle", "front"):
            raise ValueError(
                f"a prompt was asked for with {num_context} vectors and position {position!r}: give at least "
                "one vector and 'end', 'middle' or 'front'."
            )
        self.num_context = num_context
        self.position = position
        self.ending = ending
        self.words = words
        self.arrange(base, texts)

    def arrange(self, base: ClipBase, texts: Sequence[str]) -> None:
        """Take other texts."""
        tower = base.require_text()
        tokenizer = base.tokenizer
        assert tokenizer is not None
        kept = 0
        if self.words is not None:
            kept = tokenizer.count([self.words])[0] - self.num_context
            if kept < 0 or (kept > 0 and self.position != "end"):
                raise ValueError(
                    f"the words {self.words!r} have {kept + self.num_context} tokens for {self.num_context} "
                    f"vectors at position {self.position!r}: give as many, or fewer at position 'end'."
                )
        lengths = tokenizer.count(texts)
        before = f"{self.words} " if kept else ""
        tokens = tokenizer([f"{before}{text}{self.ending}" for text in texts])
        skipped = self.num_context if kept else 0
        end = tokens.end - skipped + self.num_context
        for text, last in zip(texts, end.tolist()):
            if last >= tower.context_length:
                raise ValueError(
                    f"the prompt of {text!r} with {self.num_context} vectors needs {last + 1} positions and "
                    f"the text tower has {tower.context_length}: use fewer vectors or a shorter text."
                )
        prefix = tower.prefix
        place = torch.tensor([self._places(length) for length in lengths]) + prefix
        ids = torch.zeros(len(texts), tower.context_length, dtype=torch.int64)
        for row, source in enumerate(tokens.ids):
            free = torch.ones(tower.context_length, dtype=torch.bool)
            free[place[row]] = False
            rest = torch.cat([source[:prefix], source[prefix + skipped :]])
            # What falls off the end is padding: the vectors found room.
            ids[row, free] = rest[: int(free.sum())]
        device = base.logit_scale.device
        length = tower.positions_needed(int(end.max()))
        self.register_buffer("ids", ids[:, :length].contiguous().to(device), persistent=False)
        self.register_buffer("end", end.to(device), persistent=False)
        self.register_buffer("place", place.to(device), persistent=False)

    def forward(self, tower: ClipTextTower, context: Tensor) -> Tensor:
        """Return the embeddings of the prompts."""
        embedded = tower.embed(self.ids)
        width = embedded.shape[-1]
        classes = (*context.shape[:-3], len(self.end))
        target = embedded.expand(*classes, *embedded.shape[-2:])
        place = self.place.unsqueeze(-1).expand(*classes, self.num_context, width)
        vectors = context.to(embedded.dtype).expand(*classes, self.num_context, width)
        return target.scatter(-2, place, vectors)

    def _places(self, length: int) -> list[int]:
        """Positions of the vectors after the start mark, for a text of ``length`` tokens."""
        early = {"end": self.num_context, "middle": self.num_context // 2, "front": 0}[self.position]
        return [*range(early), *range(early + length, self.num_context + length)]

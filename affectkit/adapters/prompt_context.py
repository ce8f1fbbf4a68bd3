"""First values of prompt vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.encoders.clip import ClipBase


def prompt_context(
    base: ClipBase, *, num_context: int | None, words: str | None, num_classes: int | None = None
) -> Tensor:
    """Make prompt vectors from words, or from noise of deviation 0.02.

    Args:
        base: Whose embeddings of words are used.
        num_context: Number n of vectors; None = one for each token of ``words``, or 16.
        words: The vectors start as the embeddings of the first n tokens; None = noise.
        num_classes: Number of classes with vectors of their own; None = shared.

    Returns:
        (n, W), or (C, n, W).

    Raises:
        ValueError: If there are fewer tokens than vectors.
    """
    tower = base.require_text()
    if words is None:
        shape = (num_context or 16, tower.width)
        vectors = torch.empty(shape if num_classes is None else (num_classes, *shape))
        torch.nn.init.normal_(vectors, std=0.02)
        return vectors.to(base.logit_scale.device)
    ids = base.tokenize([words]).ids
    assert base.tokenizer is not None
    found = base.tokenizer.count([words])[0]
    count = found if num_context is None else num_context
    if not 1 <= count <= found:
        raise ValueError(
            f"the words {words!r} have {found} tokens for {count} prompt vectors: give as many words or more."
        )
    with torch.no_grad():
        embedded = tower.embed(ids)[0, tower.prefix : tower.prefix + count].clone()
    return embedded if num_classes is None else embedded.repeat(num_classes, 1, 1)

"""Parts of a model while an exporter follows it: the same answers, without a decision on values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from affectkit.encoders import TransformersTokenEncoder
from affectkit.encoders.masked_batch_norm import MaskedBatchNorm
from affectkit.encoders.pooled_tokens import pooled_tokens
from affectkit.types import Encoding

_Forward: TypeAlias = Callable[..., Tensor | Encoding]


@contextmanager
def exportable_parts(model: nn.Module) -> Iterator[None]:
    """Let the parts of ``model`` that look at values compute without looking, as long as the context lasts.

    In evaluation the answers are the same: a normalisation by stored statistics treats every frame alike, and
    the check of token numbers is left to whoever calls the exported model.
    """
    changed: list[nn.Module] = []
    try:
        for part in model.modules():
            forward = _forward_of(part)
            if forward is not None:
                # On the object alone, where it comes before the method of the class.
                part.__dict__["forward"] = forward
                changed.append(part)
        yield
    finally:
        for part in changed:
            del part.__dict__["forward"]


def _forward_of(part: nn.Module) -> _Forward | None:
    if isinstance(part, MaskedBatchNorm):
        return partial(_every_frame, part)
    if isinstance(part, TransformersTokenEncoder):
        return partial(_known_tokens, part)
    return None


def _every_frame(part: MaskedBatchNorm, x: Tensor, mask: Tensor) -> Tensor:
    norm = part.norm
    found = nn.functional.batch_norm(
        x.flatten(2), norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
    )
    # Not by `len(mask)`, which an exporter takes for a constant.
    shown = mask.reshape(mask.shape[0], 1, mask.shape[1], *[1] * (x.ndim - 3))
    return found.reshape(x.shape).masked_fill(~shown, 0.0)


def _known_tokens(part: TransformersTokenEncoder, x: Tensor, mask: Tensor | None = None) -> Encoding:
    real = torch.ones_like(x, dtype=torch.bool) if mask is None else mask.bool()
    first = torch.arange(x.shape[1], device=x.device) == 0
    seen = real | (first & ~real.any(dim=1, keepdim=True))
    network = cast("Callable[..., object]", part.model)
    hidden = cast(Tensor, getattr(network(input_ids=x, attention_mask=seen.long()), "last_hidden_state"))  # noqa: B009
    return Encoding(pooled=pooled_tokens(hidden, real, part.pooling), tokens=hidden, mask=real)

"""Zero that keeps every parameter in the graph."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def parameter_anchor(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Zero that depends on every trained parameter.

    Distributed training waits for the gradient of every parameter. One that a batch does not reach
    would stop it: a head that no loss uses, or attention over the past in a batch of single
    utterances. Added to the loss, this gives such a parameter a gradient of zeros.

    Examples:
        >>> import torch
        >>> layer = nn.Linear(2, 1)
        >>> torch.autograd.backward(parameter_anchor(layer.parameters()))
        >>> layer.bias.grad.tolist()
        [0.0]
    """
    # An empty slice, not `0 * x`: that would turn an infinite weight into NaN.
    anchors = [p.reshape(-1)[:0].sum().float() for p in parameters if p.requires_grad]
    return torch.stack(anchors).sum() if anchors else torch.zeros(())

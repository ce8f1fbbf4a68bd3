"""Zero that keeps every output in the graph."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.types import AffectOutput


def graph_anchor(output: AffectOutput) -> Tensor:
    """Zero that depends on every tensor of ``output``.

    Distributed training waits for the gradient of every parameter. An output that no loss uses
    would give some of them none, and the run would stop; added to the loss, this gives them zeros.

    Example:
        >>> import torch
        >>> weight = torch.ones(2, requires_grad=True)
        >>> torch.autograd.backward(graph_anchor(AffectOutput(logits=weight * 3)))
        >>> weight.grad.tolist()
        [0.0, 0.0]
    """
    tensors = [output.logits, output.dims, output.embedding]
    tensors += [*(output.views or {}).values(), *(output.extra or {}).values()]
    # An empty slice, not `0 * x`: that would turn an infinite output into NaN.
    anchors = [tensor.flatten()[:0].sum() for tensor in tensors if tensor is not None]
    return torch.stack(anchors).sum() if anchors else torch.zeros(())

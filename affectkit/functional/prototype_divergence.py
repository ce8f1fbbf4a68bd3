"""How far a feature's likeness to prototypes is from the likeness that it should have."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.functional.cosine_logits import cosine_logits


def prototype_divergence_rows(
    features: Tensor, prototypes: Tensor, target: Tensor, *, temperature: float
) -> Tensor:
    r"""Divergence :math:`\mathrm{KL}(q \,\|\, \mathrm{softmax}(\cos(f, p_k) / \tau))` of each row.

    Args:
        features: Features f, at any length.
        prototypes: Prototypes :math:`p_k`.
        target: Shares q of the prototypes, summing to 1.
        temperature: :math:`\tau`.

    Shape:
        - features: (..., D)
        - prototypes: (K, D)
        - target: (..., K)
        - output: (...) in float32, or float64 where ``features`` are

    Examples:
        >>> import torch
        >>> even = torch.full((1, 2), 0.5)
        >>> prototype_divergence_rows(torch.ones(1, 2), torch.eye(2), even, temperature=0.9).item()
        0.0
    """
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    # Cosines over a temperature below 1 want more digits than half precision has.
    with torch.autocast(features.device.type, enabled=False):
        own = cosine_logits(features, prototypes.to(features.dtype), 1 / temperature).log_softmax(-1)
    goal = target.detach().to(features.dtype)
    return (torch.xlogy(goal, goal) - goal * own).sum(-1)

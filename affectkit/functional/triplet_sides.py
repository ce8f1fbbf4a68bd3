"""The two sides that a triplet weighs against each other, with every form of margin."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

#: A number; the published margin, which grows as the triplet gets easier and is differentiated; or the same
#: scaled down, on distances halved, as a constant.
TripletMargin: TypeAlias = float | Literal["adaptive", "adaptive_rescaled"]

#: Published next to the exponentials.
_EPS = 1e-6


def triplet_sides(
    positive: Tensor, negative: Tensor, margin: TripletMargin, *, margin_scale: float = 0.2
) -> tuple[Tensor, Tensor]:
    r"""Two numbers whose difference is the loss of a triplet before the hinge.

    With a fixed margin they are :math:`d_{ap} + m` and :math:`d_{an}`. The adaptive margin has a part for
    each side,

    .. math:: m = m_{sim} + m_{dis}, \qquad
        m_{sim} = 1 + \frac{2}{e^{4 d_{ap}} + \epsilon}, \qquad
        m_{dis} = 1 + \frac{2}{e^{4 - 4 d_{an}} + \epsilon},

    so the sides are :math:`d_{ap} + m_{sim}` and :math:`d_{an} - m_{dis}`. ``"adaptive_rescaled"`` halves
    the distances, which maps those of unit vectors to 0..1, takes
    :math:`m = m_0 (m_{sim} + m_{dis} - 2)`, and passes no gradient through it.

    Args:
        positive: Distances :math:`d_{ap}` of positives.
        negative: Distances :math:`d_{an}` of negatives.
        margin: See above.
        margin_scale: :math:`m_0`.

    Shape:
        - positive, negative, output: any shapes

    Examples:
        >>> import torch
        >>> pull, push = triplet_sides(torch.tensor(0.3), torch.tensor(0.4), 0.2)
        >>> round((pull - push).item(), 4)
        0.1
    """
    if margin == "adaptive":
        return positive + _similarity_margin(positive), negative - _dissimilarity_margin(negative)
    if margin == "adaptive_rescaled":
        near, far = positive / 2, negative / 2
        pull = near + margin_scale * (_similarity_margin(near.detach()) - 1)
        push = far - margin_scale * (_dissimilarity_margin(far.detach()) - 1)
        return pull, push
    return positive + margin, negative


def _similarity_margin(distance: Tensor) -> Tensor:
    # From 40 on the margin is 1 to the last digit, and the gradient stays finite where exp would overflow.
    return 1 + 2 / (torch.exp((4 * distance).clamp(max=40)) + _EPS)


def _dissimilarity_margin(distance: Tensor) -> Tensor:
    return 1 + 2 / (torch.exp(4 - 4 * distance) + _EPS)

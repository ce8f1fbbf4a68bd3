"""Taking modalities away at random, never all of a row."""

from __future__ import annotations

from torch import Tensor


def thin_presence(present: Tensor, draws: Tensor, *, rate: float) -> Tensor:
    r"""Take away each modality whose draw is below ``rate``, but the last one of a row.

    .. math:: k_m = p_m \wedge \bigl(u_m \ge \rho \;\vee\; u_m = \max_{n:\, p_n} u_n\bigr)

    The modality with the largest draw among those present is always kept, so a row that had any
    still has one, and which one that is has equal chances. With the same draws, what is missing at
    one rate is missing at every higher one.

    Args:
        present: Which modalities a row has.
        draws: Numbers from [0, 1).
        rate: Probability :math:`\rho` of taking a modality away.

    Shape:
        - present: (..., M) bool
        - draws: (..., M)
        - output: (..., M) bool

    Raises:
        ValueError: If the rate is not in [0, 1].

    Examples:
        >>> import torch
        >>> flags = torch.tensor([[True, True], [True, False]])
        >>> thin_presence(flags, torch.tensor([[0.1, 0.2], [0.1, 0.9]]), rate=0.5).tolist()
        [[False, True], [True, False]]
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"thin_presence got rate={rate}: give a probability, 0 to 1.")
    # -1 lies below every draw, so that what is absent is never the largest.
    given = draws.masked_fill(~present, -1.0)
    largest = given == given.amax(dim=-1, keepdim=True)
    return present & ((draws >= rate) | largest)

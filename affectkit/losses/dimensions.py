"""What the losses over affect dimensions ask of output and target."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.losses.rows import real_rows
from affectkit.types import AffectOutput, Target


def compared_dims(
    output: AffectOutput, target: Target, loss: str, *, head: str | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions, targets with NaN on padding, and the real rows.

    Args:
        output: Needs ``dims``, or ``extra[head]``.
        target: Needs ``dims``, or ``extra[head]``.
        loss: Name of the loss, for the error.
        head: Name of a further head that is compared instead of the dims.

    Raises:
        ValueError: If either lacks what is compared, or their shapes differ.
    """
    if head is None:
        prediction, truth = output.dims, target.dims
    else:
        prediction, truth = (output.extra or {}).get(head), (target.extra or {}).get(head)
    if prediction is None or truth is None or prediction.shape != truth.shape or prediction.ndim < 2:
        what = "dims" if head is None else f"extra {head!r}"
        raise ValueError(
            f"{loss} compares the {what} of output and target, but got the shapes "
            f"{None if prediction is None else tuple(prediction.shape)} and "
            f"{None if truth is None else tuple(truth.shape)}; give both, one column per affect dimension."
        )
    real = real_rows(target, truth[..., 0])
    prediction = prediction.to(torch.promote_types(prediction.dtype, torch.float32))
    truth = truth.to(prediction.dtype).masked_fill(~real.unsqueeze(-1), torch.nan)
    return prediction, truth, real

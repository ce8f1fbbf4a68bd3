"""Whether an exported model says what the task says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from affectkit.share.batch_call import BatchCall
from affectkit.share.error import ShareError, first_line

#: Rows of the example that an exporter follows, and of the batches that its result is then tried with.
EXAMPLE_ROWS = 3
TRIED_ROWS = (1, 5)


class Parity(NamedTuple):
    """How far an exported model is from the task.

    Attributes:
        rows: Sizes of the batches that were tried.
        difference: Largest difference of any output number.
        tolerance: What was allowed: 1e-4 of the largest number, or 1e-4 where that is below 1.
    """

    rows: tuple[int, ...]
    difference: float
    tolerance: float


def check_parity(call: BatchCall, exported: Callable[..., Sequence[Tensor]], *, form: str) -> Parity:
    """Compare an exported model with the task, on batches of other sizes than it was exported with.

    Args:
        call: The task.
        exported: The model as read back from what was exported.
        form: Name of the format, for the message.

    Raises:
        ShareError: If it cannot run a batch of another size, or an answer differs; the message says how much.
    """
    worst, tolerance = 0.0, 0.0
    for rows in TRIED_ROWS:
        inputs = call.example(rows, seed=rows)
        with torch.no_grad():
            expected: tuple[Tensor, ...] = call(*inputs)
        try:
            found = exported(*inputs)
        except Exception as error:  # exporters and run times raise whatever their parts raise
            raise ShareError(
                f"The exported {form} model of {type(call.task).__name__} cannot run a batch of {rows} rows "
                f"({type(error).__name__}: {first_line(error)}): nothing was written; use the task "
                "from Python."
            ) from error
        for name, mine, theirs in zip(call.outputs, expected, found, strict=True):
            allowed = 1e-4 * max(1.0, float(mine.abs().max()))
            same_shape = mine.shape == theirs.shape
            difference = float((mine - theirs).abs().max()) if same_shape else float("inf")
            if not difference <= allowed:  # also where it is no number
                raise ShareError(
                    f"The exported {form} model of {type(call.task).__name__} differs from the task by up to "
                    f"{difference:.3g} in {name} on a batch of {rows} rows, where {allowed:.3g} is allowed: "
                    "nothing was written; use the task from Python."
                )
            if difference >= worst:
                worst, tolerance = difference, allowed
    return Parity(TRIED_ROWS, worst, tolerance)

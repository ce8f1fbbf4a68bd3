"""The sums of a loss over the batches of one optimizer step."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.distributed import all_reduce_sum
from affectkit.types import LossTerms


class LossWindow:
    r"""Running sums of loss and weight, so that the loss of the global batch is divided once.

    With :math:`L_i` the mean loss of a part and :math:`w_i` the weight it was divided by, the loss
    of the whole is :math:`\sum_i w_i L_i / \sum_i w_i` over ranks and accumulated batches. A mean
    of local means differs from it whenever the parts are ragged.

    Examples:
        >>> import torch
        >>> window = LossWindow()
        >>> for mean, rows in ((1.0, 3.0), (5.0, 1.0)):
        ...     terms = {"total": torch.tensor(mean)}
        ...     window.add(LossTerms(torch.tensor(mean), terms, torch.tensor(rows)))
        >>> weight, means = window.close()
        >>> weight.item(), means["loss"].item()
        (4.0, 2.0)
    """

    def __init__(self) -> None:
        self._weight: Tensor | None = None
        self._sums: dict[str, Tensor] = {}

    @property
    def is_open(self) -> bool:
        """Whether a batch has been added since the last :meth:`close`."""
        return self._weight is not None

    def add(self, loss: LossTerms) -> None:
        """Add the loss of one batch of this rank; gradients are not kept."""
        weight = _scalar(loss.weight)
        values = {"loss": loss.total, **{f"loss_{name}": term for name, term in loss.terms.items()}}
        self._weight = weight if self._weight is None else self._weight + weight
        for name, value in values.items():
            # 0 * NaN is NaN: a part without a single row must not spoil the sum.
            part = torch.where(weight > 0, _scalar(value) * weight, torch.zeros_like(weight))
            self._sums[name] = self._sums[name] + part if name in self._sums else part

    def close(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Sum over ranks and empty the window.

        Every rank must call it at the same step, with the same names of terms.

        Returns:
            The weight of the global batch (1 where no row had any weight, so that it can be
            divided by) and the mean of ``loss`` and of every term, the same on each rank.

        Raises:
            RuntimeError: If no batch was added.
        """
        if self._weight is None:
            raise RuntimeError(
                "LossWindow.close() was called before any batch was added: call add() in each training step."
            )
        names = sorted(self._sums)
        sums = all_reduce_sum(torch.stack([self._weight, *(self._sums[name] for name in names)]))
        self.clear()
        weight = torch.where(sums[0] > 0, sums[0], torch.ones_like(sums[0]))
        return weight, {name: sums[place + 1] / weight for place, name in enumerate(names)}

    def clear(self) -> None:
        """Forget what was added, e.g. because training was interrupted inside an accumulation."""
        self._weight = None
        self._sums = {}


def _scalar(value: Tensor) -> Tensor:
    # Counts beyond 2^24 rows and long sums lose digits in float32; MPS has no float64.
    wide = torch.float32 if value.device.type == "mps" else torch.float64
    return value.detach().to(wide).reshape(())

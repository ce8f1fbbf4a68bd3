"""Whether a model is right, and right for the reason that it gives."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torchmetrics import Metric

RightShare: TypeAlias = Literal["RR", "RW", "WR", "WW"]
_SHARES: Final = get_args(RightShare)


class DoublyRight(Metric):
    r"""Share of answers by whether the prediction, and the reason for it, is right.

    .. math:: \mathrm{RR} = \frac1N \sum_i p_i g_i, \quad \mathrm{RW} = \frac1N \sum_i p_i (1 - g_i), \quad
        \mathrm{WR} = \frac1N \sum_i (1 - p_i) g_i, \quad \mathrm{WW} = \frac1N \sum_i (1 - p_i)(1 - g_i)

    with p 1 where the prediction is right, and g 1 where the reason is: where the label that is inferred
    again from the reason alone is the true one. The four sum to 1.
    :func:`~affectkit.metrics.doubly_right_metrics` gives all of them over one state.

    Counts are integers and are summed over ranks, so a share is exact for any number of ranks.

    Args:
        share: ``"RR"`` both are right, ``"RW"`` the prediction is right and the reason wrong, ``"WR"`` the
            other way round, ``"WW"`` neither is.
        count_skipped: False: N counts the answers. True: N also counts the responses that were skipped,
            as in the official script; the four then sum to less than 1.

    Raises:
        ValueError: If the share is unknown.

    References:
        StimuVAR, official code.

    Deviation from the paper:
        Responses that were skipped are left out of N (``count_skipped=True`` keeps them). What is right is
        told as booleans, made by comparing labels: the official script searches for the label as a part of
        the text, so that "enjoy" holds "joy".

    Examples:
        >>> truth = torch.tensor([0, 1, 2, 2])
        >>> predicted, inferred = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1, 1, 0])
        >>> metric = DoublyRight()
        >>> metric.update(predicted == truth, inferred == truth)
        >>> metric.key, float(metric.compute())
        ('doubly_right_rr', 0.5)
    """

    is_differentiable = False
    #: More RR and less WW are better; the other two are neither.
    higher_is_better = None
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    #: RR, RW, WR, WW and skipped.
    answers_by_right: Tensor

    def __init__(self, *, share: RightShare = "RR", count_skipped: bool = False) -> None:
        super().__init__()
        if share not in _SHARES:
            raise ValueError(f"DoublyRight does not know the share {share!r}: use {', '.join(_SHARES)}.")
        self.share: RightShare = share
        self.count_skipped = count_skipped
        self.add_state("answers_by_right", default=torch.zeros(5, dtype=torch.int64), dist_reduce_fx="sum")

    @property
    def key(self) -> str:
        """E.g. ``doubly_right_rr``."""
        return f"doubly_right_{self.share.lower()}"

    @property
    def protocol(self) -> str:
        """E.g. ``doubly_right[RR]`` or ``doubly_right[RR,of all responses]``."""
        return f"doubly_right[{self.share}{',of all responses' if self.count_skipped else ''}]"

    def update(
        self,
        prediction_right: Tensor,
        reason_right: Tensor,
        weight: Tensor | None = None,
        answered: Tensor | None = None,
    ) -> None:
        """Count answers.

        Args:
            prediction_right: Whether the prediction is right (...), bool.
            reason_right: Whether the label inferred from the reason alone is right (...), bool.
            weight: Rows (...) of weight 0, e.g. padding or without a label, are no responses.
            answered: False (...) where the response was skipped: what the other two say there is not
                looked at; None = all were answered.

        Raises:
            ValueError: If shapes do not match, or what is right is not told as booleans.
        """
        told = (prediction_right, reason_right)
        if prediction_right.shape != reason_right.shape or any(one.dtype != torch.bool for one in told):
            raise ValueError(
                f"DoublyRight got predictions {tuple(prediction_right.shape)} {prediction_right.dtype} and "
                f"reasons {tuple(reason_right.shape)} {reason_right.dtype}; give booleans of one shape, e.g. "
                "prediction == target."
            )
        cell = 3 - 2 * prediction_right.long() - reason_right.long()
        if answered is not None:
            cell = cell.where(answered.bool(), 4)
        if weight is not None:
            cell = cell[weight > 0]
        self.answers_by_right += torch.bincount(cell.reshape(-1), minlength=5)

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any answer."""
        counted = self.answers_by_right if self.count_skipped else self.answers_by_right[:4]
        return self.answers_by_right[_SHARES.index(self.share)].double() / counted.sum().clamp(min=1)

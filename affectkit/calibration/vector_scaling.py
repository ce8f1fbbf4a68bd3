"""A factor and a shift for each class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectkit.calibration.logit_scaling import LogitScaling


class VectorScaling(LogitScaling):
    r"""Give each class a factor and a shift of its own: rare classes that are never answered can be.

    .. math:: z'_c = e^{a_c} z_c + b_c

    Answers may change, unlike under one temperature.

    Args:
        num_classes: Number of classes C.

    Shape:
        - logits: (..., C)
        - output: (..., C)

    References:
        Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
        arXiv:1706.04599.
        Deviation: the factor is positive, so that a larger logit never means a smaller probability.

    Examples:
        >>> import torch
        >>> VectorScaling(2)(torch.tensor([[2.0, 0.0]])).tolist()
        [[2.0, 0.0]]
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"VectorScaling got num_classes={num_classes}: give 1 or more.")
        self.num_classes = num_classes
        self.log_factor = nn.Parameter(torch.zeros(num_classes))
        self.shift = nn.Parameter(torch.zeros(num_classes))

    @property
    def needs_every_class(self) -> bool:
        """True: the shift of an absent class would fall without end."""
        return True

    def forward(self, logits: Tensor) -> Tensor:
        """Scale each class.

        Raises:
            ValueError: If there are not C classes.
        """
        if logits.shape[-1:] != (self.num_classes,):
            raise ValueError(
                f"VectorScaling of {self.num_classes} classes got logits {tuple(logits.shape)}: "
                f"give (..., {self.num_classes})."
            )
        return logits * self.log_factor.exp().to(logits.dtype) + self.shift.to(logits.dtype)

"""One temperature for all logits."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from affectkit.calibration.logit_scaling import LogitScaling

#: Temperatures stay in 0.05..20: beyond, probabilities are 0 and 1 or all alike in float32.
_LIMIT: Final = math.log(20.0)


class TemperatureScaling(LogitScaling):
    r"""Divide the logits by one temperature: the answers stay, their probabilities change.

    .. math:: p = \mathrm{softmax}(z / T)

    T is kept in 0.05 to 20, since rows that are all right would ask for 0, and rows of chance for infinity.

    Shape:
        - logits: (..., C)
        - output: (..., C)

    References:
        Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
        arXiv:1706.04599.

    Examples:
        >>> import torch
        >>> scaling = TemperatureScaling()
        >>> scaling(torch.tensor([2.0, 0.0])).tolist(), scaling.temperature
        ([2.0, 0.0], 1.0)
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.zeros(()))

    @property
    def needs_every_class(self) -> bool:
        """False: one parameter for all classes."""
        return False

    @property
    def temperature(self) -> float:
        """T; above 1 where the model was too sure."""
        return math.exp(self._bounded().item())

    def _bounded(self) -> Tensor:
        return self.log_temperature.clamp(-_LIMIT, _LIMIT)

    def forward(self, logits: Tensor) -> Tensor:
        """Logits over T."""
        return logits / self._bounded().exp().to(logits.dtype)


def is_limit(temperature: float) -> bool:
    """Whether a temperature is the lowest or the highest that is fitted."""
    return not abs(math.log(temperature)) < _LIMIT - 1e-6

"""Several passes through a network whose dropout stays on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from affectkit.calibration.error import DropoutError
from affectkit.functional.predictive_uncertainty import predictive_uncertainty
from affectkit.types import AffectOutput


class DropoutPrediction(NamedTuple):
    """What passes with dropout say together; None where the module gives no such thing.

    Shape:
        - probabilities: (..., C), their mean.
        - entropy: (...), entropy of that mean in nats.
        - information: (...), what of it is disagreement between passes.
        - dims: (..., V), mean of the predicted values.
        - dims_deviation: (..., V), their standard deviation over passes.
    """

    probabilities: Tensor | None
    entropy: Tensor | None
    information: Tensor | None
    dims: Tensor | None
    dims_deviation: Tensor | None


class MonteCarloDropout(nn.Module):
    r"""Predict several times with dropout on, and say how far the predictions lie apart.

    .. math:: p(y \mid x) \approx \frac1K \sum_k \mathrm{softmax}(f_{\theta \odot m_k}(x))

    Everything but dropout stays as in evaluation: batch statistics are not touched. The module's state is
    left as it was, and so is the random state of the process.

    Args:
        module: Gives logits, or an :class:`~affectkit.types.AffectOutput`.
        passes: Number of passes K.
        seed: Seed of the dropped units; the same seed gives the same result.

    Raises:
        ValueError: If there are fewer than two passes.

    References:
        Gal and Ghahramani, Dropout as a Bayesian Approximation: Representing Model Uncertainty in Deep
        Learning, ICML 2016, arXiv:1506.02142.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 3)).eval()
        >>> found = MonteCarloDropout(network, passes=5)(torch.ones(2, 4))
        >>> found.probabilities.shape, bool((found.information > 0).all()), network[0].training
        (torch.Size([2, 3]), True, False)
    """

    def __init__(self, module: nn.Module, *, passes: int = 20, seed: int = 0) -> None:
        super().__init__()
        if passes < 2:
            raise ValueError(
                f"MonteCarloDropout got passes={passes}: one pass shows no spread, give 2 or more."
            )
        self.module, self.passes, self.seed = module, passes, seed

    @torch.no_grad()
    def forward(self, *inputs: object) -> DropoutPrediction:
        """Predict from what the module takes.

        Raises:
            DropoutError: If the module has no dropout, or gives neither logits nor values.
        """
        logits: list[Tensor] = []
        dims: list[Tensor] = []
        with self._dropping():
            for _ in range(self.passes):
                output: object = self.module(*inputs)
                if isinstance(output, Tensor):
                    output = AffectOutput(logits=output)
                if not isinstance(output, AffectOutput) or (output.logits is None and output.dims is None):
                    raise DropoutError(
                        f"{type(self.module).__name__} gave {type(output).__name__} without logits or "
                        "values: wrap a module that gives logits or an AffectOutput."
                    )
                if output.logits is not None:
                    logits.append(output.logits)
                if output.dims is not None:
                    dims.append(output.dims)
        values = torch.stack(dims) if dims else None
        mean, deviation = (None, None) if values is None else (values.mean(0), values.std(0))
        if not logits:
            return DropoutPrediction(None, None, None, mean, deviation)
        found = predictive_uncertainty(torch.stack(logits).softmax(-1))
        return DropoutPrediction(*found, mean, deviation)

    @contextmanager
    def _dropping(self) -> Iterator[None]:
        """Dropout on, the rest off, and random numbers of our own; all as before afterwards."""
        before = {part: part.training for part in self.module.modules()}
        found = {part for part in before if _drops(part)}
        if not found:
            raise DropoutError(
                f"{type(self.module).__name__} has no dropout above 0, so that all passes are alike: give a "
                "module that was trained with dropout, or average several runs."
            )
        devices = {value.device for value in self.module.parameters() if value.is_cuda}
        try:
            for part in before:
                part.training = part in found
            with torch.random.fork_rng(sorted(device.index or 0 for device in devices)):
                torch.manual_seed(self.seed)
                yield
        finally:
            for part, training in before.items():
                part.training = training


def _drops(part: nn.Module) -> bool:
    """Whether a module itself drops units in training."""
    if isinstance(part, _DropoutNd):
        return part.p > 0
    if isinstance(part, nn.TransformerEncoderLayer):
        # In evaluation it may take a fused path that passes its dropout by.
        return _drops(part.dropout)
    # Recurrent and attention layers of torch and others keep the share, and hold no module for it.
    share: object = getattr(part, "dropout", 0.0)
    return isinstance(share, float) and share > 0

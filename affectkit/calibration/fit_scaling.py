"""Fit a scaling of logits on validation rows."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.calibration.error import CalibrationFitError
from affectkit.calibration.logit_scaling import LogitScaling
from affectkit.distributed import all_gather_rows
from affectkit.types import IGNORE_LABEL

_STEPS = 200


class ScalingFit(NamedTuple):
    """What fitting did, in nats a row.

    Attributes:
        rows: Labelled rows of all ranks.
        before: Negative log-likelihood of the logits as they are.
        after: The same once scaled; never larger.
    """

    rows: int
    before: float
    after: float


def fit_scaling(scaling: LogitScaling, logits: Tensor, label: Tensor) -> ScalingFit:
    r"""Set the parameters of a scaling to those under which validation labels are likeliest.

    .. math:: \min_\theta -\frac1N \sum_i \log \mathrm{softmax}(s_\theta(z_i))_{y_i}

    Every rank gives its rows, gets those of all, and finds the same parameters. L-BFGS finds the minimum in
    float64 from the identity, without any random number.

    Args:
        scaling: Changed in place.
        logits: Logits of rows that the model was not trained on.
        label: Class indices, -100 where unknown.

    Shape:
        - logits: (N, C)
        - label: (N,) int64

    Raises:
        CalibrationFitError: If no row has a label, a class lacks one that it needs, or a logit is not finite.
        ValueError: If shapes do not match.

    Examples:
        >>> import torch
        >>> from affectkit.calibration import TemperatureScaling
        >>> scaling = TemperatureScaling()
        >>> sure = torch.tensor([[4.0, 0.0]] * 4)  # 98 % sure, and right in three rows of four
        >>> fit = fit_scaling(scaling, sure, torch.tensor([0, 0, 0, 1]))
        >>> round(torch.softmax(scaling(sure), -1)[0, 0].item(), 3), fit.after < fit.before
        (0.75, True)
    """
    if logits.ndim != 2 or label.shape != logits.shape[:1]:
        raise ValueError(
            f"fit_scaling got logits {tuple(logits.shape)} and labels {tuple(label.shape)}: "
            "give (N, C) and (N,)."
        )
    known = label != IGNORE_LABEL
    values = all_gather_rows(logits.detach()[known].double())
    truth = all_gather_rows(label[known])
    _check(scaling, values, truth)
    fitted = copy.deepcopy(scaling).double()
    fitted.reset()
    before = F.cross_entropy(values, truth).item()
    parameters = list(fitted.parameters())
    # Declared as what it is, since `LBFGS.step` has no types.
    optimizer: torch.optim.Optimizer = torch.optim.LBFGS(
        parameters,
        max_iter=_STEPS,
        tolerance_grad=1e-10,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def loss() -> float:
        optimizer.zero_grad()
        value = F.cross_entropy(fitted(values), truth)
        torch.autograd.backward(value)
        return value.item()

    with torch.enable_grad():
        optimizer.step(loss)
    with torch.no_grad():
        after = F.cross_entropy(fitted(values), truth).item()
        if not after <= before:
            # Where the identity is best already, the last step may end a rounding error above it.
            fitted.reset()
            after = before
        for mine, found in zip(scaling.parameters(), parameters, strict=True):
            mine.copy_(found)
    return ScalingFit(len(truth), before, after)


def _check(scaling: LogitScaling, logits: Tensor, label: Tensor) -> None:
    name = type(scaling).__name__
    if len(label) == 0:
        raise CalibrationFitError(
            f"{name} has no labelled row to be fitted on: give the validation split of data with labels."
        )
    if not bool(logits.isfinite().all()):
        raise CalibrationFitError(f"{name} got a logit that is not finite: look for the row that gave it.")
    if int(label.min()) < 0 or int(label.max()) >= logits.shape[1]:
        raise CalibrationFitError(
            f"{name} got labels {int(label.min())}..{int(label.max())} for {logits.shape[1]} classes: map "
            "labels to the run's label space, and mark absent ones with -100."
        )
    if scaling.needs_every_class:
        absent = [
            index for index, count in enumerate(torch.bincount(label, minlength=logits.shape[1])) if not count
        ]
        if absent:
            raise CalibrationFitError(
                f"{name} cannot be fitted, since classes {absent} have no validation row: give more rows, "
                "or use TemperatureScaling."
            )

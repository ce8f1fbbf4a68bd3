"""Losses: their value and gradient over what they depend on, computed by the losses themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from mechanism_canvas import CURVES, INK, MUTED, Picture, label, listed, number, panels, styled
from torch import Tensor, nn

from affectkit.types import AffectOutput, LossTerms, Target

#: Rows of a batch from which a loss over pairs or moments is computed.
ROWS = 24


class Sweep(NamedTuple):
    """What a loss is moved along.

    Args:
        axis: Name and unit of it.
        values: Where it is computed.
        feed: From a value that needs a gradient to what the loss reads.
        told: What the picture says of the rest.
    """

    axis: str
    values: Tensor
    feed: Callable[[Tensor], tuple[AffectOutput, Target]]
    told: str


def normal(*size: int, seed: int = 0) -> Tensor:
    """Fixed numbers."""
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def _margin(loss: nn.Module) -> Sweep:
    """One row of three classes whose true class is ahead by a margin."""
    probability = torch.tensor([[0.8, 0.1, 0.1]])

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        logits = torch.stack([value, torch.zeros_like(value), torch.zeros_like(value)])[None]
        views = {"teacher_logits": probability.log() * 3}
        target = Target(
            label=torch.tensor([0]),
            distribution=probability,
            multilabel=torch.tensor([[1.0, 0.0, 0.0]]),
            weight=torch.ones(1),
        )
        return AffectOutput(logits=logits, views=views), target

    told = "one row of three classes, the two others at 0; votes, where they are read, 0.8, 0.1 and 0.1"
    return Sweep("logit of the true class", torch.linspace(-6, 6, 41), feed, told)


def _error(loss: nn.Module) -> Sweep:
    truth = normal(ROWS, 2, seed=1).clamp(-1.5, 1.5) / 1.6

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        dims = truth + value
        grid = torch.linspace(-1, 1, 7)
        bins = -8 * (grid - dims.unsqueeze(-1)).square()
        return AffectOutput(dims=dims, extra={"bins": bins}), Target(dims=truth, weight=torch.ones(ROWS))

    return Sweep(
        "what is added to every value",
        torch.linspace(-1.5, 1.5, 41),
        feed,
        f"{ROWS} rows of two values in −1 to 1",
    )


def _mixture(loss: nn.Module) -> Sweep:
    truth = normal(ROWS, 2, seed=1)
    noise = normal(ROWS, 2, seed=2)

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        return AffectOutput(dims=(1 - value) * truth + value * noise), Target(
            dims=truth, weight=torch.ones(ROWS)
        )

    return Sweep(
        "share of noise in the predictions", torch.linspace(0, 1, 41), feed, f"{ROWS} rows of two values"
    )


def _angle(loss: nn.Module) -> Sweep:
    """Two groups of vectors in the plane whose centres stand at an angle."""
    width = next((tensor.shape[-1] for name, tensor in loss.named_buffers() if tensor.ndim == 2), 2)
    width = width if 2 < width < 32 else 6
    label_ = torch.arange(ROWS) % 2
    spread = 0.25 * normal(ROWS, seed=3)
    other = 0.25 * normal(ROWS, seed=4)

    def vectors(angle: Tensor, jitter: Tensor) -> Tensor:
        turned = torch.deg2rad(angle) * label_ + jitter
        plane = torch.stack([turned.cos(), turned.sin()], dim=-1)
        return torch.cat([plane, torch.zeros(ROWS, width - 2)], dim=-1)

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        views = {
            "text": vectors(value, spread),
            "audio": vectors(value, other),
            "image": vectors(value, other).detach(),
            "null": torch.tensor([0.0, 1.0] + [0.0] * (width - 2)),
        }
        return AffectOutput(embedding=vectors(value, spread), views=views), Target(
            label=label_, weight=torch.ones(ROWS)
        )

    told = f"{ROWS} unit vectors of two classes, whose directions vary by about 14° within a class"
    return Sweep("angle between the centres of two classes (degrees)", torch.linspace(0, 180, 41), feed, told)


def _geometry(loss: nn.Module) -> Sweep:
    """Loose classes whose means move apart."""
    label_ = torch.arange(ROWS) % 3
    jitter = 0.7 * normal(ROWS, seed=3)
    logits = 4 * torch.nn.functional.one_hot(label_, 3).float()

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        turned = torch.deg2rad(value) * (label_ / 2) + jitter
        plane = torch.stack([turned.cos(), turned.sin()], dim=-1)
        return AffectOutput(embedding=plane, logits=logits), Target(label=label_, weight=torch.ones(ROWS))

    told = f"{ROWS} unit vectors of three classes, whose directions vary by about 40° within a class"
    return Sweep(
        "angle between the first class and the last (degrees)", torch.linspace(0, 180, 41), feed, told
    )


def _spread(loss: nn.Module) -> Sweep:
    base = normal(ROWS, 6, seed=5)
    base = (base - base.mean(0)) / base.std(0)

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        return AffectOutput(embedding=base * value), Target(weight=torch.ones(ROWS))

    return Sweep(
        "standard deviation of every feature",
        torch.linspace(0.02, 2, 41),
        feed,
        f"{ROWS} rows of six features",
    )


def _correlation(loss: nn.Module) -> Sweep:
    base = torch.linalg.qr(normal(ROWS, 7, seed=5) - normal(ROWS, 7, seed=5).mean(0))[0] * math.sqrt(ROWS - 1)
    base = base[:, :6]

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        mixed = value * base[:, :1] + (1 - value.square()).clamp_min(1e-6).sqrt() * base[:, 1:]
        return AffectOutput(embedding=torch.cat([base[:, :1], mixed], dim=1)), Target(weight=torch.ones(ROWS))

    return Sweep(
        "correlation of five features with a sixth",
        torch.linspace(-0.99, 0.99, 41),
        feed,
        f"{ROWS} rows of unit deviation",
    )


def _from_teacher(loss: nn.Module) -> Sweep:
    """A student's features that turn away from what it is taught."""
    start = normal(ROWS, 6, seed=6)
    away = normal(ROWS, 6, seed=7)
    teacher = normal(ROWS, 4, seed=8)
    logits = normal(ROWS, 3, seed=9)
    label_ = torch.arange(ROWS) % 3

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        views = {
            "teacher_logits": 2 * logits,
            "teacher_dims": normal(ROWS, 2, seed=10).tanh(),
            "teacher_embedding": teacher,
        }
        output = AffectOutput(logits=logits, embedding=(1 - value) * start + value * away, views=views)
        return output, Target(label=label_, weight=torch.ones(ROWS))

    return Sweep(
        "share of other features mixed into a student's",
        torch.linspace(0, 1, 41),
        feed,
        f"{ROWS} rows with random weights of the projection",
    )


def _both(loss: nn.Module) -> Sweep:
    truth = normal(1, 2, seed=1)

    def feed(value: Tensor) -> tuple[AffectOutput, Target]:
        logits = torch.stack([value, torch.zeros_like(value), torch.zeros_like(value)])[None]
        target = Target(
            label=torch.tensor([0]),
            dims=truth,
            distribution=torch.tensor([[0.8, 0.1, 0.1]]),
            weight=torch.ones(1),
        )
        return AffectOutput(logits=logits, dims=truth + value / 6), target

    return Sweep(
        "logit of the true class; the values are off by a sixth of it",
        torch.linspace(-6, 6, 41),
        feed,
        "one row of three classes and two values",
    )


SWEEPS: Mapping[str, Callable[[nn.Module], Sweep]] = {
    "ClassificationLoss": _margin,
    "VoteDistributionLoss": _margin,
    "MultilabelLoss": _margin,
    "LogitVariationLoss": _margin,
    "WeightedSmoothingLoss": _margin,
    "SimilaritySmoothingLoss": _margin,
    "LogitDistillationLoss": _margin,
    "DynamicWeightBalance": _margin,
    "MSELoss": _error,
    "BinnedDimensionLoss": _error,
    "CCCLoss": _mixture,
    "PearsonLoss": _mixture,
    "TripletMarginLoss": _angle,
    "SupervisedContrastiveLoss": _angle,
    "PairwiseContrastiveLoss": _angle,
    "PrototypeContrastLoss": _angle,
    "NullTargetContrastiveLoss": _angle,
    "GeometricPriorLoss": _geometry,
    "VarianceLoss": _spread,
    "CovarianceLoss": _correlation,
    "FeatureDistillationLoss": _from_teacher,
    "PrototypeDistillationLoss": _from_teacher,
    "WeightedSum": _both,
    "UncertaintyWeightedSum": _both,
}


def curve(loss: nn.Module, sweep: Sweep) -> tuple[list[float], list[float]]:
    """Value and derivative along a sweep."""
    values, slopes = [], []
    for place in sweep.values.tolist():
        at = torch.tensor(place, requires_grad=True)
        torch.manual_seed(0)
        output, target = sweep.feed(at)
        terms: LossTerms = loss(output, target)
        (slope,) = torch.autograd.grad(terms.total, at, allow_unused=True)
        values.append(float(terms.total.detach()))
        slopes.append(0.0 if slope is None else float(slope))
    return values, slopes


def variants(name: str, builders: list[Callable[[], nn.Module]]) -> list[tuple[str, nn.Module]]:
    """The settings of a loss that are compared, named by what differs."""
    found = []
    for build in builders[:3]:
        torch.manual_seed(0)
        # some are other losses in training: they add noise, or soften labels at its start
        found.append((" ".join(setting(build).split()), build().train()))
    return found


def setting(build: Callable[[], object]) -> str:
    """What a contract case gives to the constructor, as it is written there."""
    import ast
    import inspect
    import textwrap

    if isinstance(build, type):
        return "default"
    try:
        source = textwrap.dedent(inspect.getsource(build)).strip()
    except OSError:
        return "default"
    for start in range(len(source)):
        if not source.startswith("lambda", start):
            continue
        for end in range(len(source), start, -1):
            try:
                tree = ast.parse(source[start:end].strip().rstrip(","), mode="eval")
            except SyntaxError:
                continue
            body = tree.body
            body = body.elts[0] if isinstance(body, ast.Tuple) else body
            if isinstance(body, ast.Lambda) and isinstance(body.body, ast.Call):
                words = [ast.unparse(value) for value in body.body.args]
                words += [f"{each.arg}={ast.unparse(each.value)}" for each in body.body.keywords]
                return short(", ".join(words)) or "default"
            break
    return "default"


def short(text: str) -> str:
    """A setting that fits in a legend."""
    return text if len(text) <= 42 else text[:41].rstrip(" ,") + "…"


def loss_picture(name: str, builders: list[Callable[[], nn.Module]]) -> Picture:
    """Value on the left, derivative on the right, a curve for each setting of the contract cases."""
    with styled():
        drawn, (left, right) = panels(["loss", "gradient"])
        told: list[str] = []
        seen: list[list[float]] = []
        sweep = None
        for text, loss in variants(name, builders):
            sweep = SWEEPS[name](loss)
            try:
                values, slopes = curve(loss, sweep)
            except ValueError:
                continue  # a setting for another kind of input
            if any(values == other for other in seen):
                continue
            seen.append(values)
            colour = CURVES[len(seen) - 1]
            dashes = ("-", (0, (5, 2)), (0, (1, 1.5)))[len(seen) - 1]
            left.plot(sweep.values, values, color=colour, linestyle=dashes, label=text)
            right.plot(sweep.values, slopes, color=colour, linestyle=dashes, label=text)
            low = min(range(len(values)), key=values.__getitem__)
            told.append(
                f"{text}: from {number(values[0])} to {number(values[-1])}, "
                f"least {number(values[low])} at {number(float(sweep.values[low]))}"
            )
        if sweep is None or not seen:
            raise ValueError(
                f"no setting of {name} can be drawn: its rule in SWEEPS feeds it what it does not read."
            )
        label(left, sweep.axis, "loss")
        label(right, sweep.axis, "derivative of the loss")
        right.axhline(0, color=MUTED, linewidth=0.8)
        if len(seen) > 1 or told[0].partition(":")[0] != "default":
            drawn.legend(
                *left.get_legend_handles_labels(),
                loc="outside lower left",
                ncols=2,
                fontsize=8,
                labelcolor=INK,
            )
    ends = listed(sweep.values[:: len(sweep.values) - 1])
    alt = f"{name} over {sweep.axis}, between {ends}. " + "; ".join(told) + "."
    return Picture(drawn, alt, f"Loss and its derivative, as in training, computed for {sweep.told}.")

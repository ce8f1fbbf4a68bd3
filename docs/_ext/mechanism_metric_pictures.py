"""Metrics: their value as predictions get better, and over something that they may or may not see."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import torch
from mechanism_canvas import CURVES, INK, SEQUENTIAL, Picture, label, listed, panels, styled
from torch import Tensor
from torchmetrics import Metric

ROWS = 1200
CLASSES = 4
#: Share of each class among the rows.
COUNTS = (0.55, 0.25, 0.15, 0.05)
#: What constructors are given, by the name of the argument.
GIVEN: dict[str, object] = {
    "num_classes": CLASSES,
    "num_dims": 1,
    "num_labels": CLASSES,
    "group": "age=20s",
    "num_bins": 10,
    "low": -1,
    "high": 1,
}
#: Scores of probabilities, which see how sure a model is.
OF_CHANCES = ("CalibrationError", "AdaptiveCalibrationError", "BrierScore", "NegativeLogLikelihood")


def small(kind: type[Metric]) -> Metric:
    """A metric with the arguments that it demands."""
    wanted = {
        name: GIVEN[name]
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is parameter.empty and name in GIVEN
    }
    return kind(**wanted)


def _normal(*size: int, seed: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _labels() -> Tensor:
    edges = torch.tensor(COUNTS).cumsum(0)[:-1]
    return torch.bucketize(torch.arange(ROWS) / ROWS, edges)


def _chances(quality: float, sharpness: float = 1.0) -> Tensor:
    """Logits that are the true posterior of noisy evidence, so that a sharpness of 1 is calibrated."""
    strength = 5 * quality
    truth = torch.nn.functional.one_hot(_labels(), CLASSES).double()
    evidence = (
        strength * truth + math.sqrt(strength) * _normal(ROWS, CLASSES, seed=0) if strength else truth * 0
    )
    return sharpness * (evidence + torch.tensor(COUNTS).double().log())


def _majority(share: float) -> Tensor:
    """Good predictions, of which a share is replaced by the commonest class."""
    logits = _chances(0.8)
    replaced = torch.rand(ROWS, generator=torch.Generator().manual_seed(1)) < share
    return torch.where(replaced[:, None], torch.tensor([5.0, 0.0, 0.0, 0.0], dtype=torch.float64), logits)


def _value(metric: Metric, *arguments: Tensor, **named: Tensor) -> float:
    metric.reset()
    metric.update(*arguments, **named)
    return float(metric.compute())


def _sweeps(name: str, metric: Metric) -> list[tuple[str, str, list[float], Callable[[float], float]]]:
    """Title, axis, places and value of each panel."""
    steps = [step / 20 for step in range(21)]
    parameters = inspect.signature(type(metric)).parameters
    if "num_dims" in parameters:
        truth = _normal(ROWS, 1, seed=2).tanh() * 0.9
        noise = _normal(ROWS, 1, seed=3).tanh() * 0.9
        return [
            (
                "quality of the order",
                "share of noise in the predictions",
                steps,
                lambda x: _value(metric, (1 - x) * truth + x * noise, truth),
            ),
            (
                "quality of the level",
                "what is added to every prediction",
                steps,
                lambda x: _value(metric, truth + x, truth),
            ),
        ]
    if "num_labels" in parameters:
        rate = torch.tensor([0.5, 0.3, 0.15, 0.05])
        truth = (torch.rand(ROWS, CLASSES, generator=torch.Generator().manual_seed(4)) < rate).double()
        noise = _normal(ROWS, CLASSES, seed=5)
        threshold = float(str(getattr(metric, "threshold", 0.0)))
        return [
            (
                "quality",
                "strength of the evidence",
                steps,
                lambda x: _value(metric, 4 * x * (truth - 0.5) + noise + threshold, truth),
            ),
            (
                "threshold",
                "what is added to every score",
                [place * 6 - 3 for place in steps],
                lambda x: _value(metric, 2.4 * (truth - 0.5) + noise + x + threshold, truth),
            ),
        ]
    fed = inspect.signature(metric.update).parameters
    if "reason_right" in fed:
        right, true = (
            torch.rand(ROWS, generator=torch.Generator().manual_seed(seed)) < share
            for seed, share in ((10, 0.7), (11, 0.5))
        )
        chance = torch.rand(ROWS, generator=torch.Generator().manual_seed(12))
        return [
            (
                "quality of the answers",
                "share of right answers; half of the reasons are right",
                steps,
                lambda x: _value(metric, chance < x, true),
            ),
            (
                "reasons that follow the answers",
                "share of reasons that are right where the answer is",
                steps,
                lambda x: _value(metric, right, torch.where(chance < x, right, true)),
            ),
        ]
    if "image" in fed:
        text, other = _normal(ROWS // 8, 1, 16, seed=13), _normal(ROWS // 8, 8, 16, seed=14)
        place = torch.arange(8)[:, None]
        return [
            (
                "what the frames show",
                "share of the text in the vectors of 8 frames",
                steps,
                lambda x: _value(metric, x * text + (1 - x) * other, text[:, 0]),
            ),
            (
                "contradictions",
                "share of frames that show the contrary",
                steps,
                lambda x: _value(metric, torch.where(place < 8 * x, -text, text), text[:, 0]),
            ),
        ]
    if "speaker" in fed:
        stay = torch.rand(ROWS // 20, 20, generator=torch.Generator().manual_seed(6)) < 0.7
        talk = torch.empty(ROWS // 20, 20, dtype=torch.int64)
        drawn = torch.randint(CLASSES, talk.shape, generator=torch.Generator().manual_seed(7))
        for turn in range(20):
            talk[:, turn] = (
                drawn[:, turn] if turn < 2 else torch.where(stay[:, turn], talk[:, turn - 2], drawn[:, turn])
            )
        speaker = (torch.arange(20) % 2).expand_as(talk)
        chance = torch.rand(talk.shape, generator=torch.Generator().manual_seed(8))
        wrong = torch.randint(CLASSES, talk.shape, generator=torch.Generator().manual_seed(9))
        before = talk.roll(2, dims=1)
        before[:, :2] = talk[:, :2]
        return [
            (
                "quality",
                "share of turns that are answered right on purpose",
                steps,
                lambda x: _value(metric, torch.where(chance < x, talk, wrong), talk, speaker=speaker),
            ),
            (
                "inertia",
                "share of turns answered by the speaker's emotion before",
                steps,
                lambda x: _value(metric, torch.where(chance < x, before, talk), talk, speaker=speaker),
            ),
        ]
    first = ("quality", "strength of the evidence", steps, lambda x: _value(metric, _chances(x), _labels()))
    if name in OF_CHANCES:
        factors = [0.25 * 16 ** (step / 20) for step in range(21)]
        return [
            first,
            (
                "sureness",
                "factor on calibrated logits",
                factors,
                lambda x: _value(metric, _chances(0.5, x), _labels()),
            ),
        ]
    return [
        first,
        (
            "laziness",
            "share of rows answered by the commonest class",
            steps,
            lambda x: _value(metric, _majority(x), _labels()),
        ),
    ]


def metric_picture(name: str, kind: type[Metric]) -> Picture:
    """Draw a metric, or its counts where it is no number."""
    metric = small(kind)
    if name == "ConfusionCounts":
        return _counts(name, metric)
    sweeps = _sweeps(name, metric)
    told = []
    with styled():
        drawn, axes = panels([title for title, *_ in sweeps])
        for place, ((_, axis, at, value), panel) in enumerate(zip(sweeps, axes, strict=True)):
            values = [value(x) for x in at]
            panel.plot(at, values, color=CURVES[place])
            if axis.startswith("factor"):
                panel.set_xscale("log", base=2)
                panel.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
            if metric.higher_is_better and max(values) <= 1:
                panel.set_ylim(min(-0.03, *values), 1.05)
            label(panel, axis, str(getattr(metric, "protocol", name)))
            told.append(f"Over {axis}, at {listed(at[::10])}: {listed(values[::10])}.")
    shares = ", ".join(f"{share:.0%}" for share in COUNTS)
    better = {True: " Higher is better.", False: " Lower is better.", None: ""}[metric.higher_is_better]
    return Picture(
        drawn,
        f"{name}. {' '.join(told)}{better}",
        f"Value on {ROWS} made-up rows; where there are classes, these have shares of {shares}.{better}",
    )


def _counts(name: str, metric: Metric) -> Picture:
    metric.update(_chances(0.4), _labels())
    counts: Tensor = metric.compute()
    with styled():
        drawn, (panel,) = panels(["rows by truth and prediction"], height=3.0)
        panel.pcolormesh(counts / counts.sum(1, keepdim=True), cmap=SEQUENTIAL, vmin=0, vmax=1)
        panel.grid(False)
        panel.invert_yaxis()
        for row in range(CLASSES):
            for column in range(CLASSES):
                share = float(counts[row, column] / counts[row].sum())
                panel.text(
                    column + 0.5,
                    row + 0.5,
                    str(int(counts[row, column])),
                    ha="center",
                    va="center",
                    color="#ffffff" if share > 0.6 else INK,
                )
        ticks = [place + 0.5 for place in range(CLASSES)]
        panel.set_xticks(ticks, [str(place) for place in range(CLASSES)])
        panel.set_yticks(ticks, [str(place) for place in range(CLASSES)])
        label(panel, "predicted class", "true class")
    return Picture(
        drawn,
        f"{name}: rows by true class {counts.tolist()}.",
        f"Counts of {ROWS} made-up rows; shades are shares of a row.",
    )

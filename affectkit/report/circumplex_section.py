"""The part of a report that shows predictions on the plane of valence and arousal."""

from __future__ import annotations

import statistics
from typing import Final

import numpy as np
from numpy.typing import NDArray

from affectkit.labels import AffectScale, UnknownLabelError, ValenceArousalWheel, affect_scale
from affectkit.report.figures import (
    CircumplexClass,
    circumplex_classes,
    circumplex_figure,
    trajectory_figure,
)
from affectkit.report.page import Picture, Section, Table
from affectkit.report.predicted_values import PredictedValues

_AXES = ("valence", "arousal")
_EVERYTHING = "all rows"
_PATHS: Final = 4


def circumplex_section(found: PredictedValues | None, scale: AffectScale | None) -> Section | None:
    """Points, ellipses and anchors of the classes of a test; None where valence or arousal was not predicted.

    Args:
        found: What the test predicted.
        scale: Range of its values; without it no anchors are drawn, as their place is not known.
    """
    if found is None or not all(axis in found.values for axis in _AXES):
        return None
    points: NDArray[np.float64] = np.stack([found.values[axis] for axis in _AXES], axis=1)
    true = any(found.target)
    names = list(found.target if true else found.prediction)
    known = np.isfinite(points).all(axis=1) & np.array([bool(name) or not any(names) for name in names])
    points, names = points[known], [name or _EVERYTHING for name, real in zip(names, known) if real]
    if not names:
        return None
    labels = sorted(set(names))
    index: NDArray[np.int64] = np.array([labels.index(name) for name in names], dtype=np.int64)
    anchors = {} if scale is None else _anchors(labels, scale)
    limits = None if scale is None else (scale.low, scale.high)
    classes = circumplex_classes(points, index, labels, anchors)
    kind = "true" if true else "predicted"
    text = f"Predicted values of {len(names)} rows of the test split by their {kind} label."
    numbers = _numbers(classes)
    hollow = (
        ", the hollow one at the end of the line where the wheel of emotions has the class" if anchors else ""
    )
    picture = Picture(
        "circumplex",
        circumplex_figure(points, index, labels, anchors, limits=limits),
        f"Predicted valence (across) and arousal (up) of each row, coloured and marked by its {kind} "
        f"label. The ellipse of a class holds half of a normal distribution with its covariance; the large "
        f"mark is its mean{hollow}. The numbers are in the table below.",
        numbers,
    )
    pictures = [picture, *_over_time(found, limits)]
    return Section("Valence and arousal", text=text, pictures=pictures, tables=[numbers])


def _over_time(found: PredictedValues, limits: tuple[float, float] | None) -> list[Picture]:
    """Paths of conversations whose length is nearest to the median, the first of them: not the finest."""
    talks: dict[str, list[tuple[int, float, float]]] = {}
    for key, turn, *point in zip(found.keys, found.places, *(found.values[axis] for axis in _AXES)):
        talks.setdefault(key, []).append((turn, *map(float, point)))
    paths = {key: np.array(sorted(talk)) for key, talk in talks.items()}
    paths = {key: path for key, path in paths.items() if np.isfinite(path[:, 1:]).all(axis=1).sum() > 1}
    if not paths:
        return []
    middle = statistics.median_low(map(len, paths.values()))
    chosen = sorted(paths, key=lambda key: abs(len(paths[key]) - middle))[:_PATHS]
    around: NDArray[np.float64] = np.stack([found.values[axis] for axis in _AXES], axis=1)
    rows = [
        [key, str(int(turn)), *("" if np.isnan(value) else f"{value:.6f}" for value in point)]
        for key in chosen
        for turn, *point in paths[key].tolist()
    ]
    return [
        Picture(
            "trajectories",
            trajectory_figure(
                {key: paths[key][:, 1:] for key in chosen},
                turns={key: [int(turn) for turn in paths[key][:, 0]] for key in chosen},
                around=around,
                limits=limits,
            ),
            f"Predicted valence and arousal over {len(chosen)} samples of middling length, turn by turn: "
            "from a dark square to a bright diamond, numbered as in predictions.csv, where the first turn of "
            "a sample is 0; in grey, all rows. The turns need not be equally far apart in time.",
            Table("Predictions over time", ["key", "turn", *_AXES], rows),
        )
    ]


def _anchors(labels: list[str], scale: AffectScale) -> dict[str, tuple[float, float]]:
    """Where classes lie on the wheel, on the scale of the predictions; others are left out."""
    wheel, unit = ValenceArousalWheel(), affect_scale("va.unit")
    plane = AffectScale(f"{scale.name} plane", _AXES, scale.low, scale.high)
    found: dict[str, tuple[float, float]] = {}
    for label in labels:
        try:
            valence, arousal = unit.convert(list(wheel.point(label)), plane)
        except UnknownLabelError:
            continue
        if valence is not None and arousal is not None:
            found[label] = (valence, arousal)
    return found


def _numbers(classes: list[CircumplexClass]) -> Table:
    header = ["class", "rows", "valence", "arousal", "sd of valence", "sd of arousal", "correlation"]
    anchored = any(one.anchor is not None for one in classes)
    rows: list[list[str]] = []
    for one in classes:
        deviations = np.sqrt(np.diag(one.covariance))
        numbers = [*one.mean, *deviations.tolist(), one.correlation]
        if anchored:
            numbers += list(one.anchor or (float("nan"), float("nan")))
        rows.append([one.label, str(one.rows), *("" if np.isnan(n) else f"{n:.3f}" for n in numbers)])
    if anchored:
        header += ["anchor: valence", "anchor: arousal"]
    return Table("Where the classes lie", header, rows)

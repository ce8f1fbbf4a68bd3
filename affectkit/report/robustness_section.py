"""The part of a report that says what becomes of a score when modalities are missing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Final, NamedTuple, cast

from affectkit.report.figures import RobustnessPoint, robustness_figure
from affectkit.report.page import Picture, Section, Table
from affectkit.report.robustness import ANY
from affectkit.report.score_text import score_name, score_text

#: Where `affectkit robustness` writes unless told otherwise.
RECORD: Final = "robustness/robustness.json"

#: Run -> what is missing -> rate -> score of each draw.
_Scores = dict[str, dict[str, dict[float, list[float]]]]


class RobustnessRecord(NamedTuple):
    """One score of runs under missing modalities, as its file tells it.

    Attributes:
        metric: Name of the score.
        samples: Number of samples.
        seeds: Draws at each rate.
        curves: What is missing -> run -> its points.
        conflicts: Run -> accuracy where the modalities agree and where they do not, with their rows.
    """

    metric: str
    samples: int
    seeds: int
    curves: Mapping[str, Mapping[str, Sequence[RobustnessPoint]]]
    conflicts: Mapping[str, Mapping[str, object]]


def read_robustness(folder: Path) -> RobustnessRecord | None:
    """The ``robustness.json`` of a run; None where it was not measured.

    Its first score is taken that all of its runs have.

    Raises:
        ValueError: If it is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    value = json.loads(path.read_text(encoding="utf-8"))
    runs = value.get("runs") if isinstance(value, dict) else None
    if not isinstance(runs, list) or not runs:
        raise ValueError(f"{path.name} holds no measured run")
    try:
        metrics = [name for name in runs[0]["complete"] if all(name in run["complete"] for run in runs)]
        if not metrics:
            return None
        scores = _scores(runs, metrics[0])
        seeds = int(value["seeds"])
        kinds = sorted(
            {kind for run in scores.values() for kind in run}, key=lambda kind: (kind == ANY, kind)
        )
        return RobustnessRecord(
            metric=metrics[0],
            samples=int(value["samples"]),
            seeds=seeds,
            curves={
                kind: {name: _points(run[kind]) for name, run in scores.items() if kind in run}
                for kind in kinds
            },
            conflicts={run["run"]: run["conflict"] for run in runs if run.get("conflict")},
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name} lacks {error}") from error


def robustness_section(found: RobustnessRecord | None) -> Section | None:
    """Curves of the score over the share that is missing; None where they were not measured."""
    if found is None or not found.curves:
        return None
    spoken = found.metric.replace("_", " ").replace(" f1", " F1")
    several = len({run for panel in found.curves.values() for run in panel}) > 1
    numbers = [
        [kind, run, f"{point.rate:g}", f"{point.mean:.6f}", f"{point.sd:.6f}"]
        for kind, panel in found.curves.items()
        for run, points in panel.items()
        for point in points
    ]
    picture = Picture(
        "robustness",
        robustness_figure(found.curves, score_name=spoken),
        f"{spoken} (up) against the share of rows that lack a modality (across), a panel for each and one "
        f"for any of them{', a line for each run' if several else ''}; the band is one standard deviation "
        f"over {found.seeds} draws of what is missing.",
        Table("Score when modalities are missing", ["missing", "run", "rate", "mean", "sd"], numbers),
    )
    tables = [_at_rates(found)]
    if found.conflicts:
        tables.append(_conflicts(found.conflicts))
    text = (
        f"{found.samples} samples, evaluated again with modalities taken away; nothing was trained anew. "
        "What is missing was drawn, and is not what a broken camera or a lost transcript would leave out."
    )
    return Section("When modalities are missing", text=text, pictures=[picture], tables=tables)


def _scores(runs: Sequence[Mapping[str, object]], metric: str) -> _Scores:
    found: _Scores = {}
    for run in runs:
        complete = cast("Mapping[str, float | None]", run["complete"])[metric]
        mine = found.setdefault(str(run["run"]), {})
        for row in cast("Sequence[Mapping[str, object]]", run["scores"]):
            rates = mine.setdefault(str(row["missing"]), {0.0: [_number(complete)]})
            rates.setdefault(float(cast(float, row["rate"])), []).append(_number(row[metric]))
    return found


def _number(value: object) -> float:
    """The file has null where a score has no rows."""
    return float(value) if isinstance(value, (int, float)) else math.nan


def _points(rates: Mapping[float, Sequence[float]]) -> list[RobustnessPoint]:
    known = {rate: [value for value in values if math.isfinite(value)] for rate, values in rates.items()}
    return [
        RobustnessPoint(rate, mean(values), stdev(values) if len(values) > 1 else 0.0)
        for rate, values in sorted(known.items())
        if values
    ]


def _at_rates(found: RobustnessRecord) -> Table:
    rates = sorted(
        {point.rate for panel in found.curves.values() for line in panel.values() for point in line}
    )
    several = len({run for panel in found.curves.values() for run in panel}) > 1
    rows = []
    for kind, panel in found.curves.items():
        for run, points in panel.items():
            known = {point.rate: score_text(found.metric, point.mean) for point in points}
            name = f"{kind}, {run}" if several else kind
            rows.append([name, *(known.get(rate, "") for rate in rates)])
    return Table(score_name(found.metric), ["missing", *(f"{100 * rate:.0f} %" for rate in rates)], rows)


def _conflicts(found: Mapping[str, Mapping[str, object]]) -> Table:
    names = ("accuracy_agree", "accuracy_conflict")
    rows = [
        [run, str(one["rows"]), str(one["conflicts"]), *(_percent(one[name]) for name in names)]
        for run, one in found.items()
    ]
    header = ["run", "rows", "rows in conflict", "accuracy where they agree", "where they do not"]
    return Table("Where modalities by themselves say different things", header, rows)


def _percent(value: object) -> str:
    return f"{100 * value:.1f}" if isinstance(value, (int, float)) else ""

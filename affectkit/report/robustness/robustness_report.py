"""Runs under the same missing patterns: curves, differences, and a file of everything."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from affectkit.callbacks.durable_text import replace_text
from affectkit.report.robustness.error import RobustnessError
from affectkit.report.robustness.measure import RobustnessRun
from affectkit.report.robustness.missing_pattern import ANY, MissingPattern
from affectkit.report.robustness.paired_difference import PairedDifference, paired_difference


class CurvePoint(NamedTuple):
    """Score at one missing rate: mean over the draws and their standard deviation."""

    rate: float
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class RobustnessReport:
    """What :func:`compare_runs` made.

    Args:
        runs: The runs in the order given.
        rates: Missing rates, 0 first.
        seeds: Draws of each pattern.
    """

    runs: Sequence[RobustnessRun]
    rates: Sequence[float]
    seeds: int

    @property
    def missing(self) -> list[str]:
        """What may be missing, ``"any"`` last."""
        names = sorted({pattern.missing for run in self.runs for pattern in run.scores} - {ANY})
        return [*names, ANY] if any(len(run.modalities) > 1 for run in self.runs) else names

    @property
    def metrics(self) -> list[str]:
        """Names of the scores that all runs have."""
        return [name for name in self.runs[0].complete if all(name in run.complete for run in self.runs)]

    def values(self, run: RobustnessRun, missing: str, rate: float, metric: str) -> list[float]:
        """Score of each draw; empty where the run does not read the modality."""
        if missing not in {pattern.missing for pattern in run.scores}:
            return []
        if rate == 0:
            return [run.complete[metric]] * self.seeds
        return [run.scores[MissingPattern(missing, rate, seed)][metric] for seed in range(self.seeds)]

    def curve(self, run: RobustnessRun, missing: str, metric: str) -> list[CurvePoint]:
        """Score over the missing rate; empty where the run does not read the modality."""
        points: list[CurvePoint] = []
        for rate in self.rates:
            values = self.values(run, missing, rate, metric)
            if values:
                points.append(CurvePoint(rate, mean(values), stdev(values) if len(values) > 1 else 0.0))
        return points

    def difference(
        self, run: RobustnessRun, missing: str, rate: float, metric: str
    ) -> PairedDifference | None:
        """The run minus the first one, draw by draw; None where one does not read the modality."""
        first = self.values(self.runs[0], missing, rate, metric)
        second = self.values(run, missing, rate, metric)
        if not rate:
            # One evaluation, not one for each draw: there is no interval.
            first, second = first[:1], second[:1]
        return paired_difference(first, second) if first and second else None

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write every score, the conflicts and the differences as JSON; the file is whole or absent."""
        replace_text(Path(path), json.dumps(_null_for_nan(self.to_plain()), indent=1, allow_nan=False) + "\n")

    def to_plain(self) -> dict[str, object]:
        """Everything as plain values."""
        return {
            "name": "robustness",
            "rates": list(self.rates),
            "seeds": self.seeds,
            "samples": self.runs[0].samples,
            "runs": [self._plain_run(run) for run in self.runs],
            "differences": [
                {"run": run.name, "missing": missing, "rate": rate, "metric": metric, **found._asdict()}
                for run in self.runs[1:]
                for missing in self.missing
                for rate in self.rates
                for metric in self.metrics
                if (found := self.difference(run, missing, rate, metric)) is not None
            ],
        }

    def _plain_run(self, run: RobustnessRun) -> dict[str, object]:
        conflict = run.conflict
        return {
            "run": run.name,
            "modalities": list(run.modalities),
            "complete": run.complete,
            "scores": [{**pattern._asdict(), **scores} for pattern, scores in run.scores.items()],
            "conflict": None if conflict is None else {**conflict._asdict(), "gap": conflict.gap},
        }


def _null_for_nan(value: object) -> object:
    """The same value with None where a score has no rows: JSON knows no NaN."""
    if isinstance(value, Mapping):
        return {name: _null_for_nan(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_null_for_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def compare_runs(runs: Sequence[RobustnessRun]) -> RobustnessReport:
    """Put runs side by side that were measured with the same rates and seeds on the same samples.

    Raises:
        RobustnessError: If there is no run, two have one name, or they were not measured alike.
    """
    if not runs:
        raise RobustnessError("There is no run to compare: give at least one.")
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise RobustnessError(f"Two runs have the same name ({', '.join(names)}): name them apart.")
    first = runs[0]
    kinds = {(pattern.rate, pattern.seed) for pattern in first.scores}
    for run in runs[1:]:
        if (run.samples, run.digest) != (first.samples, first.digest):
            raise RobustnessError(
                f"{run.name} and {first.name} were measured on different samples ({run.samples} and "
                f"{first.samples}): give both the same --data and --split."
            )
        if {(pattern.rate, pattern.seed) for pattern in run.scores} != kinds:
            raise RobustnessError(
                f"{run.name} and {first.name} were measured with other rates or seeds: measure both alike."
            )
    rates = sorted({rate for rate, _ in kinds})
    return RobustnessReport(tuple(runs), (0.0, *rates), 1 + max(seed for _, seed in kinds))

"""Compare systems by the runs that they share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from affectkit.functional import (
    ScoreSummary,
    holm_adjusted,
    paired_t_test,
    score_summary,
    signed_rank_test,
)
from affectkit.report.comparison.error import ComparisonError
from affectkit.report.comparison.run_score import RunScore, read_run_score
from affectkit.report.page import Table


class PairedComparison(NamedTuple):
    """A system against the first one, over the runs of the same seed and data.

    Attributes:
        system: Its name.
        difference: Its score less that of the first system.
        t_test: Two-sided p value of the paired t test, corrected for folds; None with one pair.
        t_test_holm: The same for all systems of the table at once.
        signed_rank: Two-sided p value of Wilcoxon's test; it knows nothing of folds.
    """

    system: str
    difference: ScoreSummary
    t_test: float | None
    t_test_holm: float | None
    signed_rank: float


class Comparison(NamedTuple):
    """Systems, their runs, and how they differ from the first.

    Attributes:
        metric: Name of the score.
        protocol: What it counts in full.
        scores: Runs by the name of the system.
        summaries: Mean, deviation and interval of each.
        paired: Each further system against the first.
        folds: Number of data sets, each of which counts as a fold.
        test_ratio: Rows of a test part over those of its training part that tests and intervals assume.
    """

    metric: str
    protocol: str
    scores: dict[str, list[RunScore]]
    summaries: dict[str, ScoreSummary]
    paired: list[PairedComparison]
    folds: int
    test_ratio: float

    def table(self) -> Table:
        """The systems, a line each."""
        differences = {one.system: one for one in self.paired}
        rows = []
        for name, found in self.summaries.items():
            against = differences.get(name)
            cells = ["", "", ""] if against is None else _tests(against)
            rows.append(
                [name, str(found.n), f"{found.mean:.4f}", _number(found.sd), _interval(found), *cells]
            )
        first = next(iter(self.summaries))
        header = [
            "system",
            "runs",
            "mean",
            "sd",
            "95 % interval",
            f"minus {first}",
            "p (paired t)",
            "p (Wilcoxon)",
        ]
        return Table(f"Test {self.metric} of {len(rows)} systems", header, rows)

    def runs_table(self) -> Table:
        """Every run."""
        rows = [
            [name, one.seed, one.data, f"{one.value:.6f}", str(one.folder)]
            for name, runs in self.scores.items()
            for one in runs
        ]
        return Table("Runs", ["system", "seed", "data", self.metric, "folder"], rows)

    def as_json(self) -> bytes:
        """All numbers."""
        value = {
            "metric": self.metric,
            "protocol": self.protocol,
            "folds": self.folds,
            "test_ratio": self.test_ratio,
            "systems": [
                {
                    "system": name,
                    **self.summaries[name]._asdict(),
                    "runs": [{**one._asdict(), "folder": str(one.folder)} for one in runs],
                }
                for name, runs in self.scores.items()
            ],
            "paired": [{**one._asdict(), "difference": one.difference._asdict()} for one in self.paired],
        }
        return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def compare_runs(
    systems: Mapping[str, Sequence[str | os.PathLike[str]]], *, metric: str = "weighted_f1"
) -> Comparison:
    """Summarise the runs of each system, and test each system against the first in pairs.

    Runs are paired by their seed and their data set. Where a system has runs on several data sets, they count
    as the folds of one: their training parts overlap, for which intervals and t tests are corrected with
    a ratio of 1 / (k - 1).

    Args:
        systems: Run folders of each system, by its name.
        metric: Name of a test score.

    Raises:
        ComparisonError: If a run has no such score, two runs of a system have one seed and data set, scores
            count different things, or the number of folds differs.
    """
    if not systems or not all(systems.values()):
        raise ComparisonError("There is no run to compare: give run folders, or NAME=PATTERN.")
    scores = {name: [read_run_score(run, metric) for run in runs] for name, runs in systems.items()}
    protocols = sorted({one.protocol for runs in scores.values() for one in runs})
    if len(protocols) > 1:
        raise ComparisonError(f"{metric} counts different things in these runs ({', '.join(protocols)}).")
    by_pair = {name: _by_pair(name, runs) for name, runs in scores.items()}
    folds = {name: len({one.data for one in runs}) for name, runs in scores.items()}
    if len(set(folds.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in folds.items())
        raise ComparisonError(
            f"The systems have runs on different numbers of data sets ({told}): complete them."
        )
    number = max(folds.values())
    ratio = 1 / (number - 1) if number > 1 else 0.0
    summaries = {
        name: score_summary([one.value for one in runs], test_ratio=ratio) for name, runs in scores.items()
    }
    first, *others = by_pair
    paired = []
    for name in others:
        shared = [pair for pair in by_pair[first] if pair in by_pair[name]]
        if shared:
            values = [by_pair[name][pair] - by_pair[first][pair] for pair in shared]
            paired.append(
                PairedComparison(
                    system=name,
                    difference=score_summary(values, test_ratio=ratio),
                    t_test=paired_t_test(values, test_ratio=ratio) if len(values) > 1 else None,
                    t_test_holm=None,
                    signed_rank=signed_rank_test(values),
                )
            )
    adjusted = iter(holm_adjusted([one.t_test for one in paired if one.t_test is not None]))
    paired = [one if one.t_test is None else one._replace(t_test_holm=next(adjusted)) for one in paired]
    return Comparison(metric, protocols[0], scores, summaries, paired, number, ratio)


def _by_pair(name: str, runs: Sequence[RunScore]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], RunScore] = {}
    for one in runs:
        twin = found.setdefault((one.seed, one.data), one)
        if twin is not one:
            raise ComparisonError(
                f"{twin.folder} and {one.folder} of {name} have the same seed and data, so that they are no "
                "two runs: leave one out, or give them another name."
            )
    return {pair: one.value for pair, one in found.items()}


def _tests(one: PairedComparison) -> list[str]:
    tested = "one pair" if one.t_test is None else f"{one.t_test:.4f}"
    if one.t_test_holm is not None and one.t_test_holm != one.t_test:
        tested += f" (Holm {one.t_test_holm:.4f})"
    return [
        f"{one.difference.mean:+.4f} {_interval(one.difference)}".strip(),
        tested,
        f"{one.signed_rank:.4f}",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _interval(found: ScoreSummary) -> str:
    return "" if found.low is None or found.high is None else f"[{found.low:.4f}, {found.high:.4f}]"

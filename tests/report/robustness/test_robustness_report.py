from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from affectkit.report.robustness import (
    ANY,
    MissingPattern,
    RobustnessError,
    RobustnessRun,
    compare_runs,
    paired_difference,
)


def run(
    name: str, *, plus: float = 0.0, digest: str = "d", modalities: tuple[str, ...] = ("audio", "text")
) -> RobustnessRun:
    kinds = (*modalities, ANY) if len(modalities) > 1 else modalities
    scores = {
        MissingPattern(kind, rate, seed): {"accuracy": 0.9 - rate / 2 + plus * rate * (1 + seed)}
        for kind in kinds
        for rate in (0.3, 0.5)
        for seed in range(3)
    }
    return RobustnessRun(name, modalities, {"accuracy": 0.9 + plus}, scores, None, 10, digest)


def test_curves_and_paired_differences() -> None:
    report = compare_runs([run("first"), run("second", plus=0.1), run("text only", modalities=("text",))])
    assert report.rates == (0.0, 0.3, 0.5) and report.seeds == 3
    assert report.missing == ["audio", "text", ANY] and report.metrics == ["accuracy"]
    point = report.curve(report.runs[1], "audio", "accuracy")[2]
    assert point.rate == 0.5 and point.mean == pytest.approx(0.65 + 0.1 * 0.5 * 2)
    assert point.sd == pytest.approx(0.05)
    assert report.curve(report.runs[2], "audio", "accuracy") == []
    found = report.difference(report.runs[1], ANY, 0.5, "accuracy")
    assert found is not None and found.mean == pytest.approx(0.1) and found.low is not None
    assert found.low == pytest.approx(0.1 - 4.303 * 0.05 / 3**0.5)
    # With nothing missing there is one evaluation, not three.
    whole = report.difference(report.runs[1], ANY, 0.0, "accuracy")
    assert whole is not None and whole.mean == pytest.approx(0.1) and whole.low is None
    assert report.difference(report.runs[2], "audio", 0.5, "accuracy") is None


def test_the_file_holds_everything(tmp_path: Path) -> None:
    report = compare_runs([run("first"), run("second", plus=0.1)])
    report.write(tmp_path / "robustness.json")
    stored = json.loads((tmp_path / "robustness.json").read_text(encoding="utf-8"))
    assert [one["run"] for one in stored["runs"]] == ["first", "second"]
    assert len(stored["runs"][0]["scores"]) == 3 * 2 * 3
    assert {"run", "missing", "rate", "metric", "mean", "low", "high"} == set(stored["differences"][0])
    assert [path.name for path in tmp_path.iterdir()] == ["robustness.json"]


def test_runs_that_cannot_be_compared_are_named() -> None:
    with pytest.raises(RobustnessError, match="Two runs have the same name"):
        compare_runs([run("same"), run("same")])
    with pytest.raises(RobustnessError, match="measured on different samples"):
        compare_runs([run("first"), run("second", digest="other")])
    shorter = run("second")
    scores = {pattern: found for pattern, found in shorter.scores.items() if pattern.rate < 0.5}
    with pytest.raises(RobustnessError, match="other rates or seeds"):
        compare_runs([run("first"), shorter._replace(scores=scores)])
    with pytest.raises(RobustnessError, match="no run to compare"):
        compare_runs([])
    with pytest.raises(RobustnessError, match="cannot be paired"):
        paired_difference([0.1], [])


def test_a_score_without_rows_is_null(tmp_path: Path) -> None:
    one = run("only")
    empty = one._replace(complete=dict.fromkeys(one.complete, math.nan))
    compare_runs([empty]).write(tmp_path / "robustness.json")
    written = json.loads((tmp_path / "robustness.json").read_text(), parse_constant=pytest.fail)
    assert set(written["runs"][0]["complete"].values()) == {None}

"""Systems by their runs: who is paired with whom, and what is said of the difference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectkit.cli.compare import find_systems
from affectkit.cli.main import main
from affectkit.functional import holm_adjusted, paired_t_test, score_summary, signed_rank_test
from affectkit.report.comparison import ComparisonError, compare_runs, read_run_score
from affectkit.report.figures import comparison_figure

SCORES = {
    "plain": [0.50, 0.52, 0.49, 0.55],
    "better": [0.53, 0.56, 0.54, 0.56],
    "other": [0.51, 0.50, 0.52, 0.55],
}


def write(
    folder: Path, value: float | None, *, seed: int, root: str = "shards/a", protocol: str = "f1"
) -> Path:
    folder.mkdir(parents=True)
    metrics = {"test/weighted_f1": value, "test/loss": 1.0}
    results = {"metrics": metrics, "protocols": {"test/weighted_f1": protocol}}
    (folder / "metrics.json").write_text(json.dumps(results))
    config = {"seed_everything": seed, "data": {"init_args": {"root": root}}}
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder


def systems(tmp_path: Path) -> dict[str, list[Path]]:
    return {
        name: [write(tmp_path / name / str(seed), value, seed=seed) for seed, value in enumerate(values)]
        for name, values in SCORES.items()
    }


def test_runs_of_a_seed_are_paired_whatever_their_order(tmp_path: Path) -> None:
    given = systems(tmp_path)
    given["better"].reverse()
    found = compare_runs(given)
    for name, values in SCORES.items():
        assert found.summaries[name] == pytest.approx(score_summary(values))
    expected = {
        name: [b - a for a, b in zip(SCORES["plain"], SCORES[name], strict=True)]
        for name in ("better", "other")
    }
    tests = [paired_t_test(values) for values in expected.values()]
    for one, p, adjusted in zip(found.paired, tests, holm_adjusted(tests), strict=True):
        assert one.difference == pytest.approx(score_summary(expected[one.system]))
        assert (one.t_test, one.t_test_holm) == pytest.approx((p, adjusted))
        assert one.signed_rank == pytest.approx(signed_rank_test(expected[one.system]))
    assert found.paired[0].t_test is not None and found.paired[0].t_test < 0.05
    assert [row[0] for row in found.table().rows] == ["plain", "better", "other"]
    assert len(found.runs_table().rows) == 12
    assert json.loads(found.as_json())["paired"][0]["system"] == "better"


def test_what_only_one_system_has_is_summarised_and_not_paired(tmp_path: Path) -> None:
    given = {
        "a": [write(tmp_path / "a" / str(seed), 0.5 + seed / 10, seed=seed) for seed in (0, 1, 2)],
        "b": [write(tmp_path / "b" / str(seed), 0.6, seed=seed) for seed in (2, 7)],
        "c": [write(tmp_path / "c" / "9", 0.6, seed=9)],
    }
    found = compare_runs(given, metric="test/weighted_f1")
    (one,) = found.paired
    assert one.system == "b" and one.difference == pytest.approx((1, -0.1, None, None, None))
    assert one.t_test is None and found.summaries["b"].n == 2
    assert found.table().rows[1][6] == "one pair" and found.table().rows[2][5] == ""


def test_data_sets_count_as_folds(tmp_path: Path) -> None:
    given = {
        name: [
            write(
                tmp_path / name / f"{seed}-{fold}", value + seed / 100, seed=seed, root=f"shards/fold{fold}"
            )
            for seed in (0, 1)
            for fold, value in enumerate(values)
        ]
        for name, values in SCORES.items()
    }
    found = compare_runs(given)
    assert found.folds == 4 and found.test_ratio == pytest.approx(1 / 3)
    differences = [b - a for a, b in zip(SCORES["plain"], SCORES["better"], strict=True)] * 2
    assert found.paired[0].t_test == pytest.approx(paired_t_test(differences, test_ratio=1 / 3))
    assert len(found.scores["plain"]) == 8
    del given["other"][0], given["other"][3]
    with pytest.raises(
        ComparisonError, match=r"different numbers of data sets \(plain 4, better 4, other 3\)"
    ):
        compare_runs(given)


def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "a" / "0", 0.5, seed=0)
    twin = write(tmp_path / "a" / "1", 0.6, seed=0)
    empty = write(tmp_path / "a" / "2", None, seed=2)
    foreign = write(tmp_path / "a" / "3", 0.6, seed=3, protocol="f1[macro]")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "metrics.json").write_text("{")
    for given, message in (
        ({"a": [one, twin]}, "have the same seed and data"),
        ({"a": [one], "b": [empty]}, "has no score 'weighted_f1': it has loss"),
        ({"a": [one], "b": [foreign]}, r"counts different things in these runs \(f1, f1\[macro\]\)"),
        ({"a": [tmp_path]}, "has no metrics.json"),
        ({"a": [tmp_path / "damaged"]}, "is damaged"),
        ({}, "There is no run"),
    ):
        with pytest.raises(ComparisonError, match=message):
            compare_runs(given)
    assert read_run_score(one, "loss") == ("0", "shards/a", 1.0, one, "")
    with pytest.raises(ValueError, match="one of each a system"):
        comparison_figure({}, {}, score_name="F1")


def test_the_command_finds_runs_by_pattern_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = systems(tmp_path / "runs")
    (tmp_path / "runs" / "plain" / "latest").symlink_to("3")
    monkeypatch.chdir(tmp_path)
    found = find_systems(["runs/plain/*", f"ours={tmp_path}/runs/better/[01]", "runs/better/2"])
    assert found == {"plain": given["plain"], "ours": given["better"][:2], "better": given["better"][2:3]}
    assert main(["compare", "runs/plain/*", "runs/better/*", "--out", "out"]) == 0
    shown = capsys.readouterr().out
    assert "+0.0325" in shown and "plain" in shown
    assert json.loads(Path("out/comparison.json").read_text())["metric"] == "weighted_f1"
    assert len(Path("out/comparison.csv").read_text().splitlines()) == 9
    assert Path("out/comparison.png").stat().st_size > 3000
    assert main(["compare", "runs/nothing/*"]) == 2
    assert "names no run folder" in capsys.readouterr().err

"""An ensemble is the mean of its members, written as a run."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from affectkit.cli.main import main
from affectkit.report import build_report, read_run
from affectkit.report.ensemble import EnsembleError, ensemble_runs

LABELS = ("calm", "glad", "cross")
TARGETS = ("calm", "glad", "cross", "")


def write(
    folder: Path, seed: int, *, targets: tuple[str, ...] = TARGETS, labels: tuple[str, ...] = LABELS
) -> Path:
    folder.mkdir()
    chances = np.random.default_rng(seed).dirichlet(np.ones(len(labels)), len(targets))
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "utterance", "target", "prediction", *(f"p_{label}" for label in labels)])
        for number, (target, row) in enumerate(zip(targets, chances, strict=True)):
            writer.writerow([f"talk {number}", 0, target, "", *(f"{value:.6f}" for value in row)])
    config = {"seed_everything": seed, "data": {"init_args": {"root": "shards"}}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_the_mean_of_what_the_files_say(tmp_path: Path) -> None:
    members = [write(tmp_path / str(seed), seed) for seed in range(3)]
    place = ensemble_runs(members).write(tmp_path / "together", command="affectkit ensemble 0 1 2")
    for together, *apart in zip(rows(place), *map(rows, members), strict=True):
        each = [[float(row[f"p_{label}"]) for label in LABELS] for row in apart]
        mean = [sum(column) / 3 for column in zip(*each, strict=True)]
        assert [float(together[f"p_{label}"]) for label in LABELS] == pytest.approx(mean, abs=2e-6)
        assert together["prediction"] == LABELS[mean.index(max(mean))]
        assert together["target"] == apart[0]["target"] and together["key"] == apart[0]["key"]
        entropy = -sum(p * math.log(p) for p in mean)
        doubt = sum(-p * math.log(p) for row in each for p in row) / 3
        assert float(together["entropy"]) == pytest.approx(entropy, abs=1e-5)
        assert float(together["information"]) == pytest.approx(entropy - doubt, abs=1e-5)


def test_it_is_read_as_a_run(tmp_path: Path) -> None:
    members = [write(tmp_path / str(seed), seed) for seed in range(2)]
    together = tmp_path / "together"
    assert main(["ensemble", *map(str, members), "--out", str(together)]) == 0
    run = read_run(together)
    assert run.confusion is not None and run.confusion.sum() == 3
    right = sum(row["target"] == row["prediction"] for row in rows(together) if row["target"])
    assert run.metrics["test/accuracy"] == pytest.approx(right / 3)
    assert run.protocols["test/weighted_f1"] == "f1[weighted]"
    assert run.setting("data", "init_args", "root") == "shards"
    assert run.commands[0].startswith("affectkit ensemble")
    assert "Can the probabilities be believed?" in build_report(together).read_text(encoding="utf-8")
    # What an ensemble made it may make again; what a training made it may not touch.
    ensemble_runs(members).write(together)
    with pytest.raises(EnsembleError, match="is left alone"):
        ensemble_runs(members).write(members[0])
    assert json.loads((together / "metrics.json").read_text())["members"] == 2


def test_runs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one", 0)
    others = {
        "make no ensemble": one,
        r"'talk 0' 0 calm against 'talk 0' 0 glad": write(tmp_path / "b", 1, targets=("glad", *TARGETS[1:])),
        "4 against 3": write(tmp_path / "c", 1, targets=TARGETS[:3]),
        "other labels or another order": write(tmp_path / "d", 1, labels=("glad", "calm", "cross")),
        "has no predictions.csv": tmp_path,
    }
    for message, other in others.items():
        with pytest.raises(EnsembleError, match=message):
            ensemble_runs([one, other])
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "predictions.csv").write_text(
        "key,utterance,target,prediction,p_calm,p_glad\na,0,,,0.9,0.8\n"
    )
    with pytest.raises(EnsembleError, match="no probabilities of one label"):
        ensemble_runs([one, tmp_path / "e"])
    with pytest.raises(EnsembleError, match="true labels sad without"):
        ensemble_runs([one, write(tmp_path / "f", 2, targets=("sad",))])

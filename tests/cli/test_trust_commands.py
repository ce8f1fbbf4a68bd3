"""The commands that ask whether a run can be trusted, on runs that the command line trained."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from rich.text import Text

from affectkit.calibration import load_scaling
from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.report import CalibrateError
from affectkit.report import validation_rows as module
from affectkit.report.robustness import open_run
from affectkit.report.validation_rows import validation_rows

# jsonargparse deprecates what Lightning and older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, synthetic_features: Path) -> Path:
    """Two runs, of other seeds, tested."""
    folder = tmp_path_factory.mktemp("trust")
    for seed in (0, 1):
        shared = [
            *("--config", "recipe:erc_curriculum_tiny", "--data.init_args.root", str(synthetic_features)),
            *(
                "--trainer.max_epochs",
                "2",
                "--model.init_args.hidden_dim",
                "8",
                "--seed_everything",
                str(seed),
            ),
            *("--run_folder", str(folder / "tiny" / str(seed))),
        ]
        assert train(["fit", *shared]) == 0
        assert train(["test", *shared, "--ckpt_path", "best"]) == 0
    return folder / "tiny"


def test_calibrate_stores_what_makes_validation_likelier(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = runs / "0"
    tested = hashlib.sha256((folder / "predictions.csv").read_bytes()).digest()
    assert main(["calibrate", str(folder), "--device", "cpu"]) == 0
    assert "temperature:" in capsys.readouterr().out
    found = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    assert found["after"]["nll"] < found["before"]["nll"]
    assert found["after"]["accuracy"] == found["before"]["accuracy"]
    stored = load_scaling(folder / "checkpoints" / "best.ckpt")
    assert stored is not None and list(stored.labels) == found["labels"]
    rows = validation_rows(open_run(folder))
    with torch.no_grad():
        nll = torch.nn.functional.cross_entropy(stored.scaling(rows.logits), rows.target).item()
    assert nll == pytest.approx(found["after"]["nll"], abs=1e-5)
    assert (folder / "figures" / "calibration.png").stat().st_size > 5000
    assert hashlib.sha256((folder / "predictions.csv").read_bytes()).digest() == tested
    assert main(["report", str(folder), "--embedding"]) == 0
    drawn = sorted(path.stem for path in (folder / "figures").glob("*.png"))
    assert {"calibration", "confusion", "embedding", "learning_curves", "reliability"} <= set(drawn)
    assert sorted(path.stem for path in (folder / "figures").glob("*.csv")) == drawn
    points = (folder / "figures" / "embedding.csv").read_text(encoding="utf-8").splitlines()
    assert len(points) == 1 + sum(map(sum, json.loads((folder / "confusion.json").read_text())["counts"]))
    assert "fitted on these rows" in (folder / "report.html").read_text(encoding="utf-8")


def test_validation_rows_are_the_labelled_utterances(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(runs / "0")
    rows = validation_rows(run)
    run.data.batch_size = 1  # type: ignore[attr-defined]
    again = validation_rows(run)
    assert again.keys == rows.keys and torch.equal(again.target, rows.target)
    torch.testing.assert_close(again.logits, rows.logits)
    assert len(set(rows.keys)) == 6 and (rows.target >= 0).all()
    monkeypatch.setattr(module, "run_batches", lambda *_, **__: ())
    with pytest.raises(CalibrateError, match="has no labelled row"):
        validation_rows(run)


def test_long_work_shows_how_far_it_is(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(runs / "1")
    assert main(["calibrate", folder, "--device", "cpu"]) == 0
    assert main(["report", folder, "--embedding"]) == 0
    assert "batches" not in capsys.readouterr().err  # which is no terminal
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert main(["report", folder]) == 0
    assert "batches" not in capsys.readouterr().err  # nothing is run
    for command in (["calibrate", folder, "--device", "cpu"], ["report", folder, "--embedding"]):
        assert main(command) == 0
        shown = Text.from_ansi(capsys.readouterr().err).plain
        title = "calibrate" if command[0] == "calibrate" else "embeddings"
        assert title in shown and re.search(r"\b([1-9]\d*)/\1 batches", shown)


def test_what_cannot_be_calibrated_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(tmp_path)]) == 2
    assert "has not a checkpoint of a run" in capsys.readouterr().err


def test_groups_ensemble_and_comparison_of_trained_runs(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [str(runs / "0"), str(runs / "1")]
    together = runs.parent / "together"
    assert main(["ensemble", *members, "--out", str(together)]) == 0
    assert "is disagreement between the runs" in capsys.readouterr().out
    for folder in (runs / "1", together):
        assert main(["report", str(folder), "--group", "speaker"]) == 0
        assert "Groups by speaker" in (folder / "report.html").read_text(encoding="utf-8")
        assert (folder / "figures" / "groups_speaker.csv").read_text().startswith("score,group,rows")
    capsys.readouterr()
    assert main(["compare", f"tiny={runs}/*", f"together={together}", "--out", str(runs.parent / "out")]) == 0
    found = json.loads((runs.parent / "out" / "comparison.json").read_text())
    accuracy = [
        json.loads((runs / seed / "metrics.json").read_text())["metrics"]["test/weighted_f1"] for seed in "01"
    ]
    assert found["systems"][0]["mean"] == pytest.approx(sum(accuracy) / 2)
    assert found["protocol"] == "f1[weighted]" and found["systems"][0]["n"] == 2
    assert main(["report", str(runs / "1"), "--group", "age"]) == 2
    assert "says 'age'" in capsys.readouterr().err

"""`affectkit robustness` on runs that were trained by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from affectkit.cli import robustness as command
from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.report import robustness
from affectkit.report.robustness import (
    MissingPattern,
    RobustnessError,
    RobustnessRun,
    compare_runs,
    measure_run,
    open_run,
)

# jsonargparse deprecates what Lightning and older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("robustness")
    write_synthetic(folder / "corpus", train=8, val=3, test=5, seed=0)
    extractors = {name: named_extractor(name) for name in ("text", "audio")}
    extract_features(folder / "corpus", folder / "features", encoders=extractors)
    shared = [
        *("fit", "--config", "recipe:erc_curriculum_tiny", "--data.init_args.root", str(folder / "features")),
        *("--trainer.max_epochs", "2", "--model.init_args.hidden_dim", "8"),
        *("--model.init_args.context_dim", "4", "--data.init_args.batch_size", "4"),
    ]
    both = [
        "--model.init_args.inputs",
        '{"text": 128, "audio": 84}',
        "--data.init_args.modalities",
        '["text", "audio"]',
    ]
    hiding = ["--model.init_args.fusion", "attention_weight", "--model.init_args.modality_dropout", "0.3"]
    given = {"class_path": "affectkit.fusion.ConcatFusion", "init_args": {"in_dims": {"text": 8, "audio": 8}}}
    part = ["--model.init_args.fusion", json.dumps(given)]
    one = ["--model.init_args.inputs", '{"text": 128}', "--data.init_args.modalities", '["text"]']
    for name, options in {"gated": both, "hiding": both + hiding, "part": both + part, "text": one}.items():
        assert train([*shared, *options, "--run_folder", str(folder / "runs" / name / "0")]) == 0
    tested = [*shared[1:], *both, "--run_folder", str(folder / "runs" / "gated" / "0"), "--ckpt_path", "best"]
    assert train(["test", *tested]) == 0
    return folder


def test_runs_are_compared_under_the_same_patterns(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(trained / "runs" / name / "0") for name in ("gated", "hiding", "part")]
    alone = f"only words={trained / 'runs' / 'text' / '0'}"
    common = ["--rates", "0.5,1", "--seeds", "2", "--metric", "accuracy"]
    assert main(["robustness", *runs, alone, *common, "--out", str(trained / "out")]) == 0
    shown = capsys.readouterr().out
    assert "hiding - gated, any missing at 50%" in shown and "modalities disagree in" in shown
    stored = json.loads((trained / "out" / "robustness.json").read_text(encoding="utf-8"))
    assert [one["run"] for one in stored["runs"]] == ["gated", "hiding", "part", "only words"]
    assert (trained / "out" / "robustness.png").stat().st_size > 5000
    assert stored["samples"] == 5
    metrics = json.loads((trained / "runs" / "gated" / "0" / "metrics.json").read_text(encoding="utf-8"))
    # With nothing missing it is the test of the run.
    assert stored["runs"][0]["complete"]["accuracy"] == metrics["metrics"]["test/accuracy"]
    assert stored["runs"][3]["conflict"] is None
    assert {one["missing"] for one in stored["runs"][3]["scores"]} == {"text"}


def test_what_is_missing_does_not_depend_on_batches(trained: Path) -> None:
    opened = open_run(trained / "runs" / "gated")  # the folder above the run's
    assert opened.name == "gated"
    measured = measure_run(opened, rates=[0.5], seeds=2)
    other = open_run(trained / "runs" / "gated" / "0", root=str(trained / "features"))
    other.data.batch_size = 1  # type: ignore[attr-defined]
    again = measure_run(other, rates=[0.5], seeds=2)
    assert again.digest == measured.digest and again.conflict == measured.conflict
    assert again.scores == measured.scores and again.complete == measured.complete
    values = {scores["accuracy"] for scores in measured.scores.values()}
    assert len(values) > 1


def test_conflicts_are_counted_about_what_is_asked(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_run(trained / "runs" / "gated" / "0")
    every = measure_run(opened, rates=[1.0], seeds=1).conflict
    opened = open_run(trained / "runs" / "gated" / "0")
    monkeypatch.setattr(opened.task, "_target", "interlocutor")
    answered = 0
    opened.data.setup("test")
    for batch in opened.data.test_dataloader():
        target = opened.task.asked(batch)
        assert target.label is not None and target.weight is not None
        answered += int(((target.label >= 0) & (target.weight > 0)).sum())
    found = measure_run(opened, rates=[1.0], seeds=1).conflict
    assert every is not None and found is not None and found.rows == answered < every.rows


def test_hiding_a_modality_everywhere_is_not_having_it(trained: Path) -> None:
    opened = open_run(trained / "runs" / "gated" / "0")
    scores = measure_run(opened, rates=[1.0], seeds=1).scores
    task, opened_again = opened.task, open_run(trained / "runs" / "gated" / "0")
    opened_again.data.setup("test")
    hits = rows = 0
    with torch.inference_mode():
        for batch in opened_again.data.test_dataloader():
            del batch.inputs["audio"]
            said = task(batch).logits.argmax(-1)
            known = batch.target.weight > 0
            hits += int((said == batch.target.label)[known].sum())
            rows += int(known.sum())
    without = next(found for pattern, found in scores.items() if pattern.missing == "audio")
    assert without["accuracy"] == pytest.approx(hits / rows)


def test_a_mistyped_score_is_found_before_anything_is_measured(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(trained / "runs" / "gated" / "0")
    given = ["robustness", run, "--rates", "0.5", "--seeds", "1", "--out", str(trained / "kept")]
    with monkeypatch.context() as patch:
        patch.setattr(robustness, "measure_run", lambda *_, **__: pytest.fail("measured"))
        assert main([*given, "--metric", "acuracy"]) == 2
    assert "has no score 'acuracy'" in capsys.readouterr().err

    def fails(*_: object) -> None:
        raise RobustnessError("no picture")

    monkeypatch.setattr(command, "_draw", fails)
    assert main(given) == 2
    # What took long is not lost with the picture.
    assert json.loads((trained / "kept" / "robustness.json").read_text())["samples"] == 5


@pytest.mark.parametrize(
    ("metric", "title", "row", "difference"),
    [
        (
            "weighted_f1",
            "weighted F1, in percent, mean of 2 draws",
            ["any", "80.0", "70.0"],
            "-5.0 [-5.0, -5.0]",
        ),
        ("ccc_valence", "ccc valence, mean of 2 draws", ["any", "0.800", "0.700"], "-0.050 [-0.050, -0.050]"),
    ],
)
def test_only_shares_are_printed_in_percent(
    metric: str, title: str, row: list[str], difference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, whole: float) -> RobustnessRun:
        rates = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
        scores = {
            MissingPattern(kind, rate, seed): {metric: whole - 0.1}
            for kind in ("audio", "text", "any")
            for rate in rates
            for seed in (0, 1)
        }
        return RobustnessRun(name, ("audio", "text"), {metric: whole}, scores, None, 4, "d")

    command._show(compare_runs([run("one", 0.8), run("other", 0.75)]), metric)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].strip() == f"one: {title}"
    assert next(line.split()[:3] for line in shown if line.strip().startswith("any ")) == row
    assert max(len(line.rstrip()) for line in shown if not line.startswith("other")) <= 80
    assert f"other - one, any missing at 90%: {difference}" in shown


def test_what_cannot_be_measured_is_said_in_one_sentence(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(trained / "runs" / "gated" / "0")
    for arguments, message in (
        ([str(trained / "nowhere")], "There is no run folder"),
        ([str(trained / "features")], "has not a checkpoint of a run"),
        ([run, "--rates", "0,0.5", "--seeds", "1"], "give rates above 0"),
        ([run, run, "--rates", "0.5", "--seeds", "1"], "Two runs have the same name"),
        (
            [run, "--rates", "0.5", "--seeds", "1", "--metric", "ccc"],
            "The run gated has no score 'ccc': choose --metric among accuracy",
        ),
        ([run, "--data", str(trained / "corpus")], "affectkit: error"),
    ):
        assert main(["robustness", *arguments]) == 2
        assert message in capsys.readouterr().err
    folder = trained / "foreign" / "0"
    (folder / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": {}}, folder / "checkpoints" / "last.ckpt")
    for config, message in (
        ("{}", "names no model"),
        ("model: {class_path: affectkit.tasks.NoSuchTask}", "under model cannot be built"),
    ):
        (folder / "config.yaml").write_text(config)
        with pytest.raises(RobustnessError, match=message):
            open_run(folder)

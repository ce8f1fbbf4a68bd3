"""Run folders, resuming and errors of `affectkit fit` and `test`, as separate processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from affectkit.callbacks import read_curriculum, read_log
from affectkit.report import build_report, read_run
from affectkit.report.run_record import RunFolderError

pytestmark = pytest.mark.distributed

CONFIG = """\
# A small model with dropout and a curriculum
seed_everything: 3
model:
  class_path: affectkit.tasks.ConversationTask
  init_args:
    label_space: ${...data.init_args.label_space}
    inputs: {text: 128, visual: 128, audio: 84}
    hidden_dim: 16
    dropout: 0.5
    schedule: cosine
    seed: ${...seed_everything}
data:
  class_path: affectkit.data.ConversationDataModule
  init_args:
    label_space: meld7.official
    batch_size: 4
    seed: ${...seed_everything}
    curriculum:
      class_path: affectkit.curriculum.BabyStepCurriculum
      init_args:
        difficulty: {class_path: affectkit.curriculum.HclDifficulty}
        buckets: 2
trainer:
  max_epochs: 3
  accelerator: cpu
  log_every_n_steps: 1
  enable_progress_bar: false
  enable_model_summary: false
  callbacks:
    - class_path: affectkit.callbacks.ResumableCheckpoint
      init_args: {monitor: val/weighted_f1, every_n_steps: 2}
"""
#: Ends its own process without warning once the run has come this far, as a power cut would.
KILLER = """\
import os, signal
from lightning.pytorch import Callback

class Killer(Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_step == 9:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CONFIG)
    (tmp_path / "killer.py").write_text(KILLER)
    killed = yaml.safe_load(CONFIG)
    killed["trainer"]["callbacks"].append({"class_path": "killer.Killer"})
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "small.yaml").write_text(yaml.safe_dump(killed))
    return tmp_path


def affectkit(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(place)}
    return subprocess.run(
        [sys.executable, "-m", "affectkit", *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def fit(place: Path, features: Path, runs: str, *more: str, config: str = "small.yaml") -> Path:
    done = affectkit(
        place, "fit", "--config", config, "--data.init_args.root", str(features), "--runs", runs, *more
    )
    assert done.returncode == 0, done.stderr
    folder = (place / runs / "small" / "latest").resolve()
    scores = [(row.value, row.epoch) for row in read_log(folder) if row.key == "val/weighted_f1"]
    best, epoch = max(scores, key=lambda score: score[0])
    assert f"best score:  val/weighted_f1 {best:.4f} (epoch {epoch} of 0 to 2)\n" in done.stdout
    return folder


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    stored = torch.load(folder / "checkpoints" / name, weights_only=True)["state_dict"]
    assert isinstance(stored, dict)
    return stored


def test_a_killed_run_goes_on_as_if_nothing_had_happened(place: Path, synthetic_features: Path) -> None:
    whole = fit(place, synthetic_features, "whole")
    arguments = ["--data.init_args.root", str(synthetic_features), "--runs", "cut"]
    killed = affectkit(place, "fit", "--config", "killed/small.yaml", *arguments)
    assert killed.returncode == -signal.SIGKILL
    resumed = fit(place, synthetic_features, "cut", "--ckpt_path", "last")

    assert len(list((place / "cut" / "small").iterdir())) == 2  # one run, and `latest`
    assert (resumed / "config.1.yaml").is_file()
    assert [row[1:] for row in read_log(resumed)] == [row[1:] for row in read_log(whole)]
    assert read_curriculum(resumed) == read_curriculum(whole)
    for name in ("last.ckpt", "best.ckpt"):
        expected = weights(whole, name)
        for key, value in weights(resumed, name).items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)


def test_two_processes_test_like_one_and_the_report_shows_it(place: Path, synthetic_features: Path) -> None:
    folder = fit(place, synthetic_features, "runs")
    arguments = ["--config", "small.yaml", "--data.init_args.root", str(synthetic_features), "--runs", "runs"]
    results = []
    for devices in ("1", "2"):
        done = affectkit(place, "test", *arguments, "--ckpt_path", "best", "--trainer.devices", devices)
        assert done.returncode == 0, done.stderr
        results.append(read_run(folder))
    one, two = results
    assert one.confusion is not None and two.confusion is not None
    assert (one.confusion == two.confusion).all()
    for key, value in one.metrics.items():
        assert value == pytest.approx(two.metrics[key], abs=1e-6 if key == "test/loss" else 0)

    page = build_report(folder).read_text(encoding="utf-8")
    figures = {path.stem for path in (folder / "figures").iterdir()}
    drawn = {"confusion", "per_class", "learning_curves", "curriculum", "modality_weights"}
    assert figures == drawn | {"reliability", "risk_coverage"}
    assert page.count("<img ") == len(figures)
    assert "The data are synthetic" in page
    assert one.protocols["test/uar_present"] == "uar[present]" and "uar[present]" in page
    assert f"{100 * (one.metrics['test/weighted_f1'] or 0):.1f}" in page


def test_last_without_a_run_is_an_error_and_leaves_nothing(place: Path, synthetic_features: Path) -> None:
    done = affectkit(
        place,
        "fit",
        "--config",
        "small.yaml",
        "--data.init_args.root",
        str(synthetic_features),
        "--ckpt_path",
        "last",
    )
    assert done.returncode == 2
    assert "train one first" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "runs").exists()


def interruptible() -> None:
    """Undo what a shell does to jobs in the background, which would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupting_leaves_a_run_that_goes_on(place: Path, synthetic_features: Path) -> None:
    arguments = ["fit", "--config", "small.yaml", "--data.init_args.root", str(synthetic_features)]
    arguments += ["--trainer.max_epochs", "100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "affectkit", *arguments],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=interruptible,
    )
    try:
        deadline = time.monotonic() + 120
        while not list((place / "runs" / "small").glob("*/checkpoints/last.ckpt")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
    folder = (place / "runs" / "small" / "latest").resolve()
    steps = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    done = affectkit(place, *arguments, "--ckpt_path", "last", "--trainer.max_steps", str(steps + 2))
    assert done.returncode == 0, done.stderr
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == steps + 2


def test_an_error_of_the_user_is_one_sentence(place: Path, tmp_path: Path) -> None:
    done = affectkit(place, "fit", "--config", "small.yaml", "--data.init_args.root", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr and "Traceback" not in done.stderr
    assert list((place / "runs" / "small").iterdir()) == []


def test_a_folder_that_is_no_run_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no config\.yaml"):
        build_report(tmp_path)

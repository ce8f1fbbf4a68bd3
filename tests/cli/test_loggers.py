"""TensorBoard and W&B by Lightning's own keys, beside the log of the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from affectkit.callbacks import read_log
from affectkit.cli.main import main


def fit(place: Path, features: Path, logger: Mapping[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for two steps as a user would, with a logger from a file of their own."""
    monkeypatch.chdir(place)
    (place / "logger.yaml").write_text(
        yaml.safe_dump({"trainer": {"logger": dict(logger)}}), encoding="utf-8"
    )
    arguments = ["--config", "recipe:erc_curriculum_tiny", "--config", "logger.yaml"]
    arguments += ["--data.init_args.root", str(features), "--data.init_args.curriculum", "null"]
    arguments += ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "2"]
    arguments += ["--trainer.log_every_n_steps", "1", "--trainer.limit_val_batches", "1"]
    arguments += ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
    assert main(["fit", *arguments, "--run_folder", str(place / "run")]) == 0


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_gets_the_numbers_of_the_log(
    tmp_path: Path, synthetic_features: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    place = {"save_dir": "board", "name": "", "version": ""}
    logger = {"class_path": "lightning.pytorch.loggers.TensorBoardLogger", "init_args": place}
    fit(tmp_path, synthetic_features, logger, monkeypatch)
    reader: Any = import_module("tensorboard.backend.event_processing.event_accumulator")
    board = reader.EventAccumulator(str(tmp_path / "board"))
    board.Reload()
    rows = [row for row in read_log(tmp_path / "run") if row.key == "train/loss"]
    shown = {event.step: event.value for event in board.Scalars("train/loss")}
    assert rows and shown == {row.step: pytest.approx(row.value, rel=1e-6) for row in rows}
    assert "val/weighted_f1" in board.Tags()["scalars"]


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_keeps_a_run_offline(
    tmp_path: Path, synthetic_features: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb: Any = pytest.importorskip("wandb")
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb-home"))
    place = {"project": "affect", "offline": True, "save_dir": "."}
    logger = {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": place}
    fit(tmp_path, synthetic_features, logger, monkeypatch)
    summary = dict(wandb.run.summary)
    wandb.finish()
    rows = [row for row in read_log(tmp_path / "run") if row.key == "train/loss"]
    assert rows and summary["train/loss"] == pytest.approx(rows[-1].value, rel=1e-6)
    assert "val/weighted_f1" in summary
    assert [path.stat().st_size > 0 for path in (tmp_path / "wandb").glob("offline-run-*/*.wandb")] == [True]

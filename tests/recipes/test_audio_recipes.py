"""Recipes over recordings, through fit, test, predict and reload."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import torch

from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.data import AffectBatch, AudioDataModule
from affectkit.data.synthetic import write_emodb_folder
from affectkit.tasks import AudioTask
from affectkit.types import AffectOutput

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*layout"),
]

#: What is left of the full-size recipe on a few voices of 8 kHz.
SMALL: Mapping[str, list[str]] = {
    "audio_emotion": [
        *("--data.init_args.rate", "8000", "--data.init_args.batch_size", "14"),
        *("--model.init_args.num_mels", "20", "--model.init_args.widths", "[4,6]"),
    ],
    "audio_emotion_tiny": [],
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    write_emodb_folder(folder / "emodb", speakers=4, versions=2, seconds=0.6)
    out = str(folder / "shards")
    split = ["--option", "val=05", "--option", "test=06"]
    assert main(["shards", "make", "emodb", str(folder / "emodb"), out, *split]) == 0
    return Path(out)


@pytest.mark.parametrize("recipe", sorted(SMALL))
def test_fit_test_predict_reload(recipe: str, shards: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = ["--config", f"recipe:{recipe}", "--run_folder", str(folder), *SMALL[recipe]]
    given += ["--data.init_args.root", str(shards), "--trainer.accelerator", "cpu"]
    given += ["--trainer.enable_progress_bar", "false"]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((folder / "metrics.json").read_text())
    assert "test/uar_present" in results["metrics"] and results["task"] == "AudioTask"
    assert train(["predict", *given, "--ckpt_path", str(folder / "checkpoints" / "best.ckpt")]) == 0
    predicted, tested = (
        (folder / name).read_text(encoding="utf-8") for name in ("predicted.csv", "predictions.csv")
    )
    assert predicted == tested
    # The checkpoint alone predicts this; the recipe's override of the rate reached the task.
    task = AudioTask.load_from_checkpoint(folder / "checkpoints" / "best.ckpt").eval()
    assert task.rate == 8000
    data = AudioDataModule(str(shards), rate=8000, batch_size=14)
    found: dict[str, torch.Tensor] = {}
    for batch in cast("list[AffectBatch]", list(data.test_dataloader())):
        with torch.no_grad():
            output: AffectOutput = task(batch)
        assert output.logits is not None
        found |= dict(zip(batch.keys, output.logits.softmax(dim=-1)))
    rows = list(csv.DictReader(tested.splitlines()))
    assert {row["key"] for row in rows} == set(found)
    for row in rows:
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        torch.testing.assert_close(torch.tensor(written), found[row["key"]], rtol=1e-3, atol=1e-4)


def test_the_metric_loss_is_one_key(shards: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = ["--config", "recipe:audio_emotion_tiny", "--run_folder", str(folder)]
    given += ["--data.init_args.root", str(shards), "--trainer.enable_progress_bar", "false"]
    given += ["--model.init_args.metric_loss", "none", "--trainer.max_epochs", "1"]
    assert train(["fit", *given]) == 0
    log = (folder / "metrics.csv").read_text()
    assert "train/loss_classification_step" in log and "metric" not in log

"""The fine-tuned recipe through fit, an interruption, test, predict and reload."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from affectkit.callbacks import read_log
from affectkit.cli.training import train
from affectkit.data.modules import DialogueTextDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.tasks import DialogueTextTask

pytest.importorskip("transformers", reason="needs the extra 'text'")
# jsonargparse deprecates what Lightning and older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("emoberta") / "corpus"
    write_synthetic(folder, train=8, val=3, test=4, seed=0)
    return str(folder)


@pytest.mark.parametrize("recipe", ["emoberta", "emoberta_tiny"])
def test_fit_test_predict_reload(recipe: str, corpus: str, tmp_path: Path) -> None:
    given = ["--config", f"recipe:{recipe}", "--data.init_args.root", corpus]
    given += ["--data.init_args.tokenizer", "tiny", "--data.init_args.budget", "40"]
    given += ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--run_folder", str(tmp_path / "run")]
    given += ["--data.init_args.batch_size", "16"]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    # One name reaches the tokenizer and the network.
    stored = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert stored["hyper_parameters"]["backbone"] == "tiny"
    assert train(["fit", *given, "--trainer.max_epochs", "2", "--ckpt_path", "last"]) == 0
    scores = [row.epoch for row in read_log(tmp_path / "run") if row.key == "val/weighted_f1"]
    assert scores == [0, 1]
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {"test/weighted_f1", "test/accuracy", "test/uar_present"} <= set(results["metrics"])
    assert train(["predict", *given, "--ckpt_path", "best"]) == 0
    with (tmp_path / "run" / "predictions.csv").open(encoding="utf-8") as stream:
        rows = {row["key"]: row for row in csv.DictReader(stream)}
    task = DialogueTextTask.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt").eval()
    data = DialogueTextDataModule(corpus, "tiny", budget=40, batch_size=7)
    assert len(rows) == len(data.store("test"))
    for batch in data.test_dataloader():
        with torch.no_grad():
            chances = task(batch).logits.double().softmax(-1)
        for key, real, row in zip(batch.keys, batch.valid.tolist(), chances, strict=True):
            if real:
                written = [float(value) for name, value in rows[key].items() if name.startswith("p_")]
                torch.testing.assert_close(row, torch.tensor(written).double(), atol=2e-5, rtol=0)

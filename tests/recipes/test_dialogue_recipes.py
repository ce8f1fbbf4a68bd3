"""The recipes of published context models through fit, test, predict and reload."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from affectkit.callbacks import read_log
from affectkit.cli.training import train
from affectkit.conversation import MMGCN, DialogueGCN, DialogueRNN, M2FNet
from affectkit.data.modules import ConversationDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.recipes import recipe_path
from affectkit.tasks import ConversationTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MODELS: Mapping[str, type[nn.Module]] = {
    "dialogue_gcn": DialogueGCN,
    "dialogue_rnn": DialogueRNN,
    "m2fnet": M2FNet,
    "mmgcn": MMGCN,
}
#: What fits a full-size recipe to the features of the tiny encoders.
FITTED = {
    "dialogue_gcn": ["--model.init_args.inputs", '{"text": 128}'],
    "dialogue_rnn": ["--model.init_args.inputs", '{"text": 128}'],
    "m2fnet": [
        *("--model.init_args.inputs", '{"text": 128, "visual": 128, "audio": 84}'),
        *("--model.init_args.context_dim", "8"),
    ],
    "mmgcn": ["--model.init_args.inputs", '{"text": 128, "visual": 128, "audio": 84}'],
}
RECIPES = [*MODELS, *(f"{name}_tiny" for name in MODELS)]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("dialogues")
    write_synthetic(folder / "corpus", train=8, val=3, test=5, seed=0)
    encoders = {name: named_extractor(name) for name in ("text", "visual", "audio")}
    extract_features(folder / "corpus", folder / "features", encoders=encoders)
    return str(folder / "features")


def options(recipe: str, features: str, folder: Path) -> list[str]:
    return [
        *("--config", f"recipe:{recipe}", "--data.init_args.root", features, "--run_folder", str(folder)),
        *("--model.init_args.hidden_dim", "8", "--model.init_args.context_dim", "6"),
        *("--data.init_args.batch_size", "4", "--trainer.accelerator", "cpu", "--trainer.devices", "1"),
        *("--trainer.enable_progress_bar", "false", *FITTED.get(recipe, [])),
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_fit_test_predict_reload(recipe: str, features: str, tmp_path: Path) -> None:
    given = options(recipe, features, tmp_path / "run")
    assert train(["fit", *given, "--trainer.max_epochs", "2"]) == 0
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    scores = [row.value for row in read_log(tmp_path / "run") if row.key == "val/weighted_f1"]
    assert len(scores) == 2 and torch.load(best, weights_only=True)["epoch"] == scores.index(max(scores))
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((tmp_path / "run" / "metrics.json").read_text())
    model = MODELS[recipe.removesuffix("_tiny")]
    assert results["context"] == "both" and results["context_model"] == model.__name__
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    predicted, tested = (tmp_path / "run" / name for name in ("predicted.csv", "predictions.csv"))
    assert predicted.read_text(encoding="utf-8") == tested.read_text(encoding="utf-8")
    # Without the command line, the checkpoint alone gives what the test wrote, whatever stands in a batch.
    task = ConversationTask.load_from_checkpoint(best).eval()
    assert any(isinstance(part, model) for part in task.modules())
    data = ConversationDataModule(features, batch_size=2, modalities=sorted(task.input_dims))
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for batch in data.test_dataloader():
            logits = task(batch).logits
            found |= {key: row for key, row, real in zip(batch.keys, logits, batch.valid) if real}
    rows = list(csv.DictReader(tested.read_text(encoding="utf-8").splitlines()))
    assert {row["key"] for row in rows} == set(found) and len(found) == 5
    # A gate over several modalities says how it shared; one modality, or nodes of a graph, have no gate.
    shares = [name for name in rows[0] if name.startswith("share_")]
    gated = recipe in ("dialogue_gcn_tiny", "dialogue_rnn_tiny")
    assert shares == (["share_audio", "share_text", "share_visual"] if gated else [])
    for row in rows if gated else ():
        assert sum(float(row[name]) for name in shares) == pytest.approx(1.0, abs=1e-5)
    for row in rows:
        chances = found[row["key"]][int(row["utterance"])].double().softmax(dim=-1)
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        torch.testing.assert_close(chances, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0)


def test_the_published_settings() -> None:
    def values(name: str) -> tuple[dict[str, Any], int, int]:
        recipe = yaml.safe_load(recipe_path(name).read_text(encoding="utf-8"))
        model, data = recipe["model"]["init_args"], recipe["data"]["init_args"]
        assert (model["context_model"], model["context"], model["class_weights"]) == (
            name,
            "both",
            "balanced",
        )
        return model, data["batch_size"], recipe["trainer"]["max_epochs"]

    model, batch, epochs = values("dialogue_rnn")
    assert (model["lr"], model["weight_decay"], model["dropout"], batch, epochs) == (1e-4, 1e-5, 0.1, 30, 60)
    assert model["context_options"]["attention"] is True
    model, batch, _ = values("dialogue_gcn")
    assert (model["lr"], model["weight_decay"], model["dropout"], batch) == (1e-4, 1e-5, 0.5, 32)
    wanted = {"window_past": 10, "window_future": 10, "num_bases": 30, "graph_dim": 64}
    assert wanted.items() <= model["context_options"].items()
    model, batch, epochs = values("mmgcn")
    assert (model["lr"], model["weight_decay"], model["dropout"], batch, epochs) == (1e-3, 0.0, 0.4, 16, 60)
    assert model["context_options"]["num_layers"] == 4
    model, _, _ = values("m2fnet")
    options = model["context_options"]
    assert (options["trunk"], options["num_encoders"], options["num_fusion_layers"]) == ("text", 5, 5)
    assert (model["inputs"]["audio"], model["inputs"]["visual"]) == (300, 300)


@pytest.mark.distributed
def test_one_and_two_ranks_give_the_same_results(features: str, tmp_path: Path) -> None:
    given = options("dialogue_gcn_tiny", features, tmp_path / "run")
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("AFFECTKIT_RUN_FOLDER", None)
    best = str(tmp_path / "run" / "checkpoints" / "best.ckpt")
    command = [sys.executable, "-m", "affectkit", "test", *given, "--ckpt_path", best]
    command += ["--trainer.devices", "2", "--run_folder", str(tmp_path / "two")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("run", "two"))
    assert one["metrics"].keys() == two["metrics"].keys()
    for name, value in one["metrics"].items():
        assert value == pytest.approx(two["metrics"][name], abs=1e-6), name
    counts = [(tmp_path / name / "confusion.json").read_bytes() for name in ("run", "two")]
    assert counts[0] == counts[1]
    tables = [
        list(csv.reader((tmp_path / name / "predictions.csv").read_text(encoding="utf-8").splitlines()))
        for name in ("run", "two")
    ]
    assert tables[0][0] == tables[1][0] and tables[0][0][-1] == "share_visual"
    for alone, shared in zip(tables[0][1:], tables[1][1:], strict=True):
        assert alone[:4] == shared[:4]
        assert [float(cell) for cell in alone[4:]] == pytest.approx(
            [float(cell) for cell in shared[4:]], abs=2e-6
        )

"""Every shipped recipe through fit, test, predict and reload, on a small synthetic corpus."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from affectkit.callbacks import read_curriculum, read_log
from affectkit.cli.configuration_error import ConfigurationError
from affectkit.cli.training import train
from affectkit.data.modules import ConversationDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.encoders import ProjectionEncoder
from affectkit.predict import extract_features, named_extractor
from affectkit.recipes import recipe_path
from affectkit.tasks import ConversationTask

# jsonargparse deprecates what Lightning and older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: What makes a recipe small, and fit for the features of the tiny encoders.
SMALL = {
    "erc_curriculum": ["--model.init_args.inputs", '{"text": 128}', "--model.init_args.context_dim", "6"],
    "erc_curriculum_tiny": ["--model.init_args.context_dim", "6"],
}


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("recipes")
    write_synthetic(folder / "corpus", train=8, val=3, test=5, seed=0)
    encoders = {name: named_extractor(name) for name in ("text", "visual", "audio")}
    extract_features(folder / "corpus", folder / "features", encoders=encoders)
    return str(folder / "features")


def options(recipe: str, features: str, folder: Path) -> list[str]:
    return [
        *("--config", f"recipe:{recipe}", "--data.init_args.root", features),
        *("--run_folder", str(folder), "--model.init_args.hidden_dim", "8"),
        *("--data.init_args.batch_size", "4", "--trainer.accelerator", "cpu", "--trainer.devices", "1"),
        *SMALL[recipe],
    ]


@pytest.mark.parametrize("recipe", sorted(SMALL))
def test_fit_test_predict_reload(recipe: str, features: str, tmp_path: Path) -> None:
    given = options(recipe, features, tmp_path / "run")
    assert train(["fit", *given, "--trainer.max_epochs", "2"]) == 0
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    opened = read_curriculum(tmp_path / "run")
    assert list(opened) == [0, 1] and 0 < len(opened[0]) < len(opened[1]) <= 8
    # "best" is what the validation split says.
    scores = [row.value for row in read_log(tmp_path / "run") if row.key == "val/weighted_f1"]
    assert len(scores) == 2
    stored = torch.load(best, weights_only=True)
    assert stored["epoch"] == scores.index(max(scores))
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert results["context"] == "both" and results["label_space"] == "meld7.official"
    assert {"test/weighted_f1", "test/accuracy", "test/uar_present", "test/loss"} <= set(results["metrics"])
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    # The predict loader reads the test split too, and the model is the same.
    predicted, tested = (tmp_path / "run" / name for name in ("predicted.csv", "predictions.csv"))
    assert predicted.read_text(encoding="utf-8") == tested.read_text(encoding="utf-8")
    # Without the command line, the checkpoint alone gives what the test wrote.
    task = ConversationTask.load_from_checkpoint(best).eval()
    for encoder in task.encoders.values():
        assert isinstance(encoder, ProjectionEncoder) and bool(encoder.deviation.ne(1).any())
    data = ConversationDataModule(features, batch_size=5, modalities=sorted(task.input_dims))
    found = {}
    with torch.no_grad():
        for batch in data.test_dataloader():
            logits = task(batch).logits
            assert logits is not None
            for key, row in zip(batch.keys, logits):
                found[key] = row
    with (tmp_path / "run" / "predictions.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["key"] for row in rows}) == 5
    for row in rows:
        chances = found[row["key"]][int(row["utterance"])].double().softmax(dim=-1)
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        torch.testing.assert_close(chances, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0)


def test_an_override_reaches_data_and_model_and_null_switches_the_curriculum_off(
    features: str, tmp_path: Path
) -> None:
    given = options("erc_curriculum_tiny", features, tmp_path / "run")
    given += ["--data.init_args.label_space", "meld7.merbench", "--data.init_args.curriculum", "null"]
    assert train(["fit", *given, "--seed_everything", "5", "--trainer.max_epochs", "1"]) == 0
    stored = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert stored["affectkit"]["label_space"]["name"] == "meld7.merbench"
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["data"]["init_args"]["label_space"] == "meld7.merbench"
    assert config["model"]["init_args"]["label_space"] == "meld7.merbench"
    assert config["model"]["init_args"]["seed"] == config["data"]["init_args"]["seed"] == 5
    assert read_curriculum(tmp_path / "run") == {}


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"not told its root: add --data\.init_args\.root VALUE"):
        train(["fit", "--config", "recipe:erc_curriculum", "--run_folder", str(tmp_path / "run")])


def test_values_of_the_recipe_are_those_that_were_measured() -> None:
    recipe = yaml.safe_load(recipe_path("erc_curriculum").read_text(encoding="utf-8"))
    model, data = recipe["model"]["init_args"], recipe["data"]["init_args"]
    assert model["inputs"] == {"text": 7 * 384}
    assert (model["input_dropout"], model["dropout"], model["head_dropout"]) == (0.5, 0.5, 0.0)
    assert (model["hidden_dim"], model["context_dim"], model["context_cell"]) == (128, 64, "gru")
    assert model["class_weights"] == "sqrt" and model["standardize"] and not model["layer_norm"]
    assert (model["lr"], model["weight_decay"], model["warmup"], model["schedule"]) == (
        0.001,
        0.01,
        0.1,
        "cosine",
    )
    assert (data["batch_size"], data["curriculum"]["init_args"]["buckets"]) == (16, 4)
    assert (recipe["trainer"]["max_epochs"], recipe["trainer"]["gradient_clip_val"]) == (8, 1.0)


@pytest.mark.distributed
def test_the_same_checkpoint_gives_the_same_results_on_one_and_two_ranks(
    features: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    given = options("erc_curriculum_tiny", features, folder)
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    best = str(folder / "checkpoints" / "best.ckpt")
    for devices in ("1", "2"):
        # One computing thread on both sides, as a rank of Lightning's launcher has.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("AFFECTKIT_RUN_FOLDER", None)
        command = [sys.executable, "-m", "affectkit", "test", *given, "--ckpt_path", best]
        command += ["--trainer.devices", devices, "--run_folder", str(tmp_path / devices)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("1", "2"))
    for name, value in one["metrics"].items():
        expected = two["metrics"][name]
        assert value == (pytest.approx(expected, abs=1e-6) if name == "test/loss" else expected), name
    assert one["metrics"].keys() == two["metrics"].keys()
    counts = [(tmp_path / name / "confusion.json").read_bytes() for name in ("1", "2")]
    assert counts[0] == counts[1]

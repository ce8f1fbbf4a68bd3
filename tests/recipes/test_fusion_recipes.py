"""The recipes of fusion over utterances through fit, test, predict and reload, on a synthetic corpus."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from affectkit.callbacks import read_log
from affectkit.cli.training import train
from affectkit.data.modules import ConversationDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.recipes import recipe_path
from affectkit.report.robustness import open_run
from affectkit.tasks import DimensionalTask
from affectkit.types import AffectOutput

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # one conversation of the tiny corpus a batch
    pytest.mark.filterwarnings("ignore:The variance of predictions or labels:UserWarning"),
]

WIDTHS = {"audio": 84, "text": 128, "visual": 128}
#: What fits the published settings to the features of the tiny encoders.
SMALL = [
    *("--model.init_args.label_space", "meld7.official", "--model.init_args.scale", "va.unit"),
    *("--data.init_args.label_space", "meld7.official"),
    *("--model.init_args.fusion.init_args.in_dims", json.dumps(WIDTHS)),
    *("--model.init_args.fusion.init_args.out_dim", "16"),
    *(
        part
        for name, width in WIDTHS.items()
        for part in (f"--model.init_args.encoders.{name}.init_args.out_dim", str(width))
    ),
]


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("fusion")
    write_synthetic(folder / "corpus", train=10, val=3, test=5, seed=0, missing=0.2)
    encoders = {name: named_extractor(name) for name in ("text", "visual", "audio")}
    extract_features(folder / "corpus", folder / "features", encoders=encoders)
    return str(folder / "features")


def options(recipe: str, features: str, run: Path) -> list[str]:
    given = [
        *("--config", f"recipe:{recipe}", "--data.init_args.root", features, "--run_folder", str(run)),
        *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"),
    ]
    return given if recipe.endswith("_tiny") else [*given, *SMALL]


@pytest.mark.parametrize("recipe", ["emotiontalk_attention", "emotiontalk_attention_tiny"])
def test_fit_test_predict_reload(recipe: str, features: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = options(recipe, features, run)
    assert train(["fit", *given, "--trainer.max_epochs", "2"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    scores = [row.value for row in read_log(run) if row.key == "val/weighted_f1"]
    assert len(scores) == 2 and torch.load(best, weights_only=True)["epoch"] == scores.index(max(scores))
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    assert {"test/weighted_f1", "test/accuracy", "test/ccc", "test/rmse"} <= set(results["metrics"])
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    tested = (run / "predictions.csv").read_text(encoding="utf-8")
    assert (run / "predicted.csv").read_text(encoding="utf-8") == tested
    # Without the command line, the run folder alone gives what the test wrote.
    task = open_run(run).task.eval()
    settings: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text())["data"]["init_args"]
    found: dict[tuple[str, int], Tensor] = {}
    with torch.no_grad():
        for batch in ConversationDataModule(**{**settings, "batch_size": 2}).test_dataloader():
            output: AffectOutput = task(batch)
            logits = output.logits
            assert logits is not None and output.dims is not None
            for row, key in enumerate(batch.keys):
                for place in batch.masks["utterance"][row].nonzero().flatten().tolist():
                    found[key, place] = logits[row, place]
    rows = list(csv.DictReader(tested.splitlines()))
    assert {(line["key"], int(line["utterance"])) for line in rows} == set(found)
    for line in rows:
        written = [float(value) for name, value in line.items() if name.startswith("p_")]
        chances = found[line["key"], int(line["utterance"])].double().softmax(dim=-1)
        torch.testing.assert_close(chances, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0)


MOVIE = [
    *("--model.init_args.inputs", json.dumps(WIDTHS), "--model.init_args.hidden_dim", "16"),
    *("--data.init_args.modalities", json.dumps(sorted(WIDTHS))),
]
LSTM_OVER_BINS = ["--model.init_args.context_model", "bc_lstm", "--model.init_args.bins", "7"]


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [("movie_affect", MOVIE), ("movie_affect_tiny", []), ("movie_affect_tiny", LSTM_OVER_BINS)],
)
def test_segments_through_fit_test_predict_reload(
    recipe: str, changes: list[str], features: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    given = [*options("movie_affect_tiny", features, run), *changes]
    given[1] = f"recipe:{recipe}"
    assert train(["fit", *given, "--trainer.max_epochs", "2"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    scores = [row.value for row in read_log(run) if row.key == "val/pearson"]
    assert len(scores) == 2 and torch.load(best, weights_only=True)["epoch"] == scores.index(max(scores))
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    wanted = {"test/ccc_valence", "test/ccc_arousal", "test/pearson", "test/bin_accuracy_within_1"}
    assert wanted <= set(results["metrics"])
    assert results["protocols"]["test/bin_accuracy_within_1"] == "bin_accuracy[bins=7,within=1]"
    assert results["metrics"]["test/bin_accuracy"] <= results["metrics"]["test/bin_accuracy_within_1"]
    assert results["context"] == ("past" if changes == LSTM_OVER_BINS else "none")
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    tested = (run / "predictions.csv").read_text(encoding="utf-8")
    assert (run / "predicted.csv").read_text(encoding="utf-8") == tested
    # Without the command line, the checkpoint alone gives what the test wrote.
    task = DimensionalTask.load_from_checkpoint(best).eval()
    found: dict[tuple[str, int], Tensor] = {}
    with torch.no_grad():
        for batch in ConversationDataModule(features, batch_size=2).test_dataloader():
            output: AffectOutput = task(batch)
            assert output.dims is not None
            for row, key in enumerate(batch.keys):
                for place in batch.masks["utterance"][row].nonzero().flatten().tolist():
                    found[key, place] = output.dims[row, place]
    rows = list(csv.DictReader(tested.splitlines()))
    assert {(line["key"], int(line["utterance"])) for line in rows} == set(found)
    for line in rows:
        written = torch.tensor([float(line["dim_valence"]), float(line["dim_arousal"])])
        torch.testing.assert_close(found[line["key"], int(line["utterance"])], written, atol=2e-5, rtol=0)


def test_what_is_known_of_the_published_settings_of_movies() -> None:
    recipe = yaml.safe_load(recipe_path("movie_affect").read_text(encoding="utf-8"))
    model, epochs = recipe["model"]["init_args"], recipe["trainer"]["max_epochs"]
    assert model["inputs"] == {"appearance": 2048, "motion": 1024, "sound": 1582, "vggish": 128}
    assert (model["fusion"], model["schedule"]) == ("feature_tokens", "step")
    assert [share * epochs for share in model["milestones"]] == pytest.approx([30, 60])


def test_the_published_settings_of_emotiontalk() -> None:
    recipe = yaml.safe_load(recipe_path("emotiontalk_attention").read_text(encoding="utf-8"))
    model, trainer = recipe["model"]["init_args"], recipe["trainer"]
    assert (model["label_space"], model["scale"]) == ("emotiontalk7.official", "sentiment.emotiontalk")
    fusion = model["fusion"]["init_args"]
    assert (fusion["normalize"], fusion["num_layers"]) == ("none", 3)
    assert fusion["out_dim"] in (64, 128, 256) and 0.2 <= fusion["dropout"] <= 0.5
    assert (model["head"], model["dimension_loss"], model["dimension_weight"]) == ("separate", "mse", 1.0)
    assert model["lr"] in (1e-3, 1e-4) and model["weight_decay"] == 1e-5
    assert trainer["max_epochs"] == 100
    assert {name: part["init_args"]["out_dim"] for name, part in model["encoders"].items()} == fusion[
        "in_dims"
    ]

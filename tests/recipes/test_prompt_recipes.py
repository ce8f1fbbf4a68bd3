"""The recipes of adapters on CLIP, through fit, test, predict and reload on drawn pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from affectkit.adapters import ADAPTERS
from affectkit.adapters.visualness import VisualnessScorer
from affectkit.cli.training import train
from affectkit.data.modules import ClipDataModule, ImageDataModule
from affectkit.data.synthetic import (
    write_synthetic_captions,
    write_synthetic_clips,
    write_synthetic_pictures,
)
from affectkit.recipes import recipe_path, recipes
from affectkit.tasks import PromptTuningTask, VisualnessTask

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]

TASK = "affectkit.tasks.PromptTuningTask"
SETTINGS: dict[str, dict[str, Any]] = {
    recipe.name: yaml.safe_load(recipe.path.read_text(encoding="utf-8")) for recipe in recipes()
}
NAMES = [name for name, values in SETTINGS.items() if values["model"]["class_path"] == TASK]
#: What is left of a full-size recipe on two cores and without weights.
SMALL = ["--model.init_args.base", "tiny", "--model.init_args.base_pretrained", "null"]
SMALLER = {
    "tip_adapter": ["--model.init_args.cache_passes", "2"],
    "perceptclip": ["--model.init_args.head_dims", "[8]", "--model.init_args.adapter_options.rank", "2"],
    "maple": ["--model.init_args.adapter_options.depth", "2"],
    "clip_caer": [
        *("--model.init_args.frames", "4", "--data.init_args.segments", "4"),
        *("--model.init_args.temporal_heads", "2", "--model.init_args.temporal_hidden_dim", "8"),
    ],
}
# Its sentences are for the five labels of RAER.
SMALLER["clip_caer"] += ["--model.init_args.adapter_options", '{"num_context": 2}']


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Pictures and clips of drawn people, and sentences, by the kind of their data module."""
    folder = tmp_path_factory.mktemp("drawn")
    write_synthetic_pictures(folder / "pictures", train=14, val=7, test=7, height=36, width=54)
    write_synthetic_clips(folder / "clips", train=14, val=7, test=7, frames=4, height=36, width=54)
    write_synthetic_captions(folder / "sentences", train=16, val=8, test=8, height=36, width=54)
    kinds = {"Image": "pictures", "Clip": "clips", "VisualText": "sentences"}
    return {f"affectkit.data.modules.{kind}DataModule": str(folder / name) for kind, name in kinds.items()}


def options(recipe: str, drawn: dict[str, str], run: Path) -> list[str]:
    given = [
        *(
            "--config",
            f"recipe:{recipe}",
            "--data.init_args.root",
            drawn[SETTINGS[recipe]["data"]["class_path"]],
        ),
        *("--run_folder", str(run), "--data.init_args.batch_size", "7", "--data.init_args.size", "32"),
        *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"),
    ]
    if SETTINGS[recipe]["model"]["class_path"] == TASK:
        given += ["--data.init_args.label_space", "meld7.official"]
    return given if recipe.endswith("_tiny") else [*given, *SMALL, *SMALLER.get(recipe, [])]


@pytest.mark.parametrize("recipe", NAMES)
def test_fit_test_predict_reload(recipe: str, drawn: dict[str, str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = options(recipe, drawn, run)
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    # The tiny base has 6.5 MB; what was trained is saved, with the state of its optimizer.
    assert best.stat().st_size < 2_000_000
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    assert results["adapter"] == SETTINGS[recipe]["model"]["init_args"]["adapter"]
    assert {"test/uar_present", "test/accuracy", "test/loss"} <= set(results["metrics"])
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    predicted, tested = (
        (run / name).read_text(encoding="utf-8") for name in ("predicted.csv", "predictions.csv")
    )
    assert predicted == tested
    # Without the command line, the checkpoint alone gives what the test wrote.
    task = PromptTuningTask.load_from_checkpoint(best).eval()
    settings = yaml.safe_load((run / "config.yaml").read_text())["data"]["init_args"]
    module = ClipDataModule if "segments" in settings else ImageDataModule
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for batch in module(**{**settings, "batch_size": 3}).test_dataloader():
            logits = task(batch).logits
            found |= {key: row for key, row, real in zip(batch.keys, logits, batch.valid) if real}
    rows = list(csv.DictReader(tested.splitlines()))
    assert {row["key"] for row in rows} == set(found) and len(rows) == 7
    for row in rows:
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        chances = found[row["key"]].double().softmax(dim=-1)
        torch.testing.assert_close(chances, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0)


@pytest.mark.parametrize("recipe", ["tip_clip", "tip_clip_tiny"])
def test_visualness_of_sentences(recipe: str, drawn: dict[str, str], tmp_path: Path) -> None:
    given = options(recipe, drawn, tmp_path / "run")
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    scorer = VisualnessTask.load_from_checkpoint(best).eval().head
    assert isinstance(scorer, VisualnessScorer)
    scores = scorer.score(["a red hat on a table", "why not"])
    assert scores.shape == (2,) and bool(((scores >= 0) & (scores <= 2)).all())


def test_every_adapter_runs_with_the_same_file(drawn: dict[str, str], tmp_path: Path) -> None:
    for adapter in ADAPTERS:
        given = [*options("coop_tiny", drawn, tmp_path / adapter), "--model.init_args.adapter", adapter]
        given += ["--model.init_args.adapter_options", "null", "--trainer.max_epochs", "1"]
        if adapter != "zero_shot":
            assert train(["fit", *given]) == 0
        assert train(["test", *given, *(["--ckpt_path", "last"] if adapter != "zero_shot" else [])]) == 0
        results = json.loads((tmp_path / adapter / "metrics.json").read_text())
        assert results["adapter"] == adapter


def test_the_published_settings() -> None:
    def values(name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        recipe = yaml.safe_load(recipe_path(name).read_text(encoding="utf-8"))
        return recipe["model"]["init_args"], recipe["data"]["init_args"], recipe["trainer"]

    model, data, trainer = values("coop")
    assert (model["adapter_options"]["num_context"], model["lr"], data["batch_size"]) == (16, 0.002, 32)
    # One epoch at 1e-5.
    assert model["warmup"] * trainer["max_epochs"] == pytest.approx(1)
    assert model["warmup_factor"] * model["lr"] == pytest.approx(1e-5)
    model, data, trainer = values("cocoop")
    assert (data["batch_size"], trainer["max_epochs"], model["lr"]) == (1, 10, 0.002)
    assert model["warmup"] * trainer["max_epochs"] == pytest.approx(1)
    model, data, trainer = values("maple")
    assert (model["adapter_options"]["depth"], model["lr"], data["batch_size"]) == (9, 0.0035, 4)
    assert model["warmup_factor"] * model["lr"] == pytest.approx(1e-5, rel=1e-3)
    model, data, trainer = values("clip_lora")
    lora = model["adapter_options"]
    assert (lora["rank"], lora["alpha"], lora["scaling"], lora["dropout"]) == (2, 1.0, "rslora", 0.25)
    model, data, trainer = values("perceptclip")
    lora = model["adapter_options"]
    assert (lora["rank"], lora["alpha"], lora["scaling"], lora["towers"]) == (16, 8.0, "lora", "image")
    assert (model["head_dims"], model["head_dropout"], model["lr"]) == ([512, 256], 0.5, 1e-4)
    model, data, trainer = values("clip_caer")
    assert model["lr_by_name"] == {"^encoders": 1e-2, "^fusion": 1e-5, "base.image": 1e-5}
    assert (model["normalization"], model["temporal_init_scale"], data["rotation"]) == ("none", 1.0, 4.0)
    assert (model["frames"], data["segments"], data["batch_size"], trainer["max_epochs"]) == (16, 16, 8, 20)

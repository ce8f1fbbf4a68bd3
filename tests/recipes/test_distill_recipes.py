"""The recipes of prototype distillation: a teacher, its stored answers, its prototypes, a student."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from torch import Tensor

from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.data.modules import ImageDataModule
from affectkit.data.shards import read_manifest
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.distill import VAPrototypeGrid
from affectkit.recipes import recipe_path
from affectkit.tasks import PrototypeDistillTask

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]

SCORES = ("accuracy", "macro_f1_all", "uar_all")
#: What is left of the full-size recipe on two cores and without weights.
SMALL = [
    *("--model.init_args.backbone", "tiny", "--model.init_args.backbone_pretrained", "false"),
    *("--trainer.precision", "32-true", "--data.init_args.label_space", "meld7.official"),
]


class Made(NamedTuple):
    pictures: Path
    teacher: Path
    taught: Path
    prototypes: Path


def options(recipe: str, root: Path, run: Path) -> list[str]:
    given = [
        *("--config", f"recipe:{recipe}", "--data.init_args.root", str(root), "--run_folder", str(run)),
        *("--data.init_args.batch_size", "7", "--data.init_args.size", "32"),
        *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"),
    ]
    return given if recipe.endswith("_tiny") else [*given, *SMALL]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """By the commands that the recipe's first lines name."""
    folder = tmp_path_factory.mktemp("made")
    found = Made(folder / "faces", folder / "teacher", folder / "taught", folder / "grid.safetensors")
    write_synthetic_pictures(found.pictures, train=14, val=14, test=7, height=36, width=54)
    alone = [*options("neurogaze_distill_tiny", found.pictures, found.teacher), "--trainer.max_epochs", "1"]
    assert train(["fit", *alone, "--model.init_args.kd_weight", "0"]) == 0
    teach = ["teach", str(found.pictures), str(found.taught), "--model", str(found.teacher), "--jobs", "1"]
    assert main(teach) == 0
    plot = str(folder / "grid.png")
    assert main(["prototypes", str(found.taught), str(found.prototypes), "--plot", plot]) == 0
    assert Path(plot).stat().st_size > 10_000
    return found


@pytest.mark.parametrize("recipe", ["neurogaze_distill", "neurogaze_distill_tiny"])
def test_fit_test_predict_reload(recipe: str, made: Made, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = [*options(recipe, made.taught, run), "--model.init_args.prototypes", str(made.prototypes)]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    assert results["prototypes"] == VAPrototypeGrid.load(made.prototypes).version
    assert results["teacher"] == "stored"
    metrics = results["metrics"]
    assert {f"test/{name}" for name in SCORES} <= set(metrics)
    # Every label is there, so knowing so changes nothing.
    assert metrics["test/present_only_accuracy"] == metrics["test/accuracy"]
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    predicted, tested = (
        (run / name).read_text(encoding="utf-8") for name in ("predicted.csv", "predictions.csv")
    )
    assert predicted == tested
    task = PrototypeDistillTask.load_from_checkpoint(best).eval()
    settings: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text())["data"]["init_args"]
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for batch in ImageDataModule(**{**settings, "batch_size": 3}).test_dataloader():
            logits = task(batch).logits
            found |= {key: row for key, row, real in zip(batch.keys, logits, batch.valid) if real}
    rows = list(csv.DictReader(tested.splitlines()))
    assert {row["key"] for row in rows} == set(found) and len(rows) == 7
    for row in rows:
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        chances = found[row["key"]].double().softmax(dim=-1)
        torch.testing.assert_close(chances, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0)


def test_a_teacher_that_answers_in_each_step(made: Made, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = [
        *options("neurogaze_distill_tiny", made.pictures, run),
        *("--model.init_args.teacher", str(made.teacher), "--trainer.max_epochs", "1"),
        *("--trainer.log_every_n_steps", "1"),
    ]
    assert train(["fit", *given]) == 0
    log = (run / "metrics.csv").read_text(encoding="utf-8")
    assert "train/loss_logits_step" in log
    # The teacher stays in its own run.
    stored = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert not [name for name in stored["state_dict"] if "teacher" in name]


def test_stored_answers_are_stated_in_the_manifest(made: Made) -> None:
    stated = read_manifest(made.taught).features
    assert {name: spec.dim for name, spec in stated.items()} == {"teacher_logits": 7, "teacher_embedding": 64}
    assert all(spec.encoder.startswith("PrototypeDistillTask checkpoint:") for spec in stated.values())
    assert main(["shards", "check", str(made.taught)]) == 0


def test_the_published_settings() -> None:
    recipe = yaml.safe_load(recipe_path("neurogaze_distill").read_text(encoding="utf-8"))
    model, data, trainer = recipe["model"]["init_args"], recipe["data"]["init_args"], recipe["trainer"]
    assert (model["backbone"], data["size"], data["batch_size"]) == ("resnet18", 224, 128)
    assert (model["label_smoothing"], model["kd_weight"], model["kd_distance"]) == (0.055, 0.30, "mse")
    assert (model["prototype_weight"], model["prototype_temperature"]) == (0.12, 0.90)
    assert model["geometry_weight"] == 0.012
    assert [share * trainer["max_epochs"] for share in model["geometry_ramp"]] == [20, 60]
    assert (model["lr"], model["weight_decay"], model["schedule"]) == (2e-4, 0.05, "cosine")
    assert trainer["gradient_clip_val"] == 1.0

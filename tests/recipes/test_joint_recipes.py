"""Recipes over categories, dimensions and attributes, through fit, test, predict and reload."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.data.modules import FeatureDataModule, ImageDataModule
from affectkit.data.synthetic import write_emoset_folder, write_synthetic_pictures
from affectkit.recipes import recipe_path
from affectkit.tasks import AffectTask, CategoricalDimensionalTask, MultiAttributeTask

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*layout"),
]

RECIPES: Mapping[str, type[AffectTask]] = {
    "emotion_gcn": CategoricalDimensionalTask,
    "emotion_gcn_tiny": CategoricalDimensionalTask,
    "emoset_attributes": MultiAttributeTask,
    "emoset_attributes_tiny": MultiAttributeTask,
    "text_cat_dim": CategoricalDimensionalTask,
    "text_cat_dim_tiny": CategoricalDimensionalTask,
}
#: What is left of a full-size recipe on two cores and without weights.
SMALL: Mapping[str, list[str]] = {
    "emotion_gcn": [
        *("--model.init_args.backbone", "tiny", "--model.init_args.backbone_pretrained", "false"),
        *("--model.init_args.scale", "null", "--model.init_args.graph_dims", "[8]"),
        *("--data.init_args.label_space", "meld7.official", "--data.init_args.label_drop", "null"),
        *("--data.init_args.size", "32", "--data.init_args.batch_size", "7"),
    ],
    "emotion_gcn_tiny": ["--data.init_args.batch_size", "7"],
    "emoset_attributes": [
        *("--model.init_args.backbone", "tiny", "--model.init_args.backbone_pretrained", "false"),
        # Nobody annotated human_action in the drawn scenes, which the task would refuse to learn.
        "--model.init_args.attributes",
        '{"brightness": 11, "colorfulness": 11, "scene": 6, "object": 7, "facial_expression": 6}',
        "--model.init_args.stages",
        '{"brightness": 1, "colorfulness": 1, "scene": 3, "object": 3, "facial_expression": 4}',
        *("--data.init_args.size", "32"),
        *("--data.init_args.batch_size", "8"),
    ],
    "emoset_attributes_tiny": [],
    "text_cat_dim": [
        *("--model.init_args.inputs", '{"text": 128}', "--model.init_args.hidden_dim", "8"),
        *("--model.init_args.graph_dims", "[8]"),
        *("--data.init_args.sources.words.init_args.batch_size", "8"),
        *("--data.init_args.sources.values.init_args.batch_size", "8"),
    ],
    "text_cat_dim_tiny": [],
}
EKMAN = ("annoyance", "disgust", "fear", "joy", "neutral", "sadness", "surprise")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards, features and graphs as the recipes' own lines make them."""
    folder = tmp_path_factory.mktemp("joint")
    write_synthetic_pictures(folder / "faces", train=14, val=7, test=7, targets="both", height=36, width=54)
    write_emoset_folder(folder / "emoset", train=16, val=8, test=8, height=36, width=54)
    run(folder, "graph make faces faces.safetensors --threshold 0.05")
    run(folder, "shards make emoset emoset pictures")
    write_texts(folder)
    for name, option in (("goemotions", "--option labels=ekman"), ("emobank", "")):
        run(folder, f"shards make {name} {name} shards/{name} {option}")
        run(folder, f"extract shards/{name} features/{name} --text tiny --jobs 1")
    run(folder, "graph make features/goemotions graph.safetensors --rule embeddings --scale vad.emobank")
    return folder


def run(folder: Path, command: str) -> None:
    """A command of `affectkit` in a folder; paths in it are those of the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(command.split()) == 0


def write_texts(folder: Path) -> None:
    """GoEmotions and EmoBank in their own layouts, with a few sentences each."""
    from affectkit.labels import label_space

    space = label_space("goemotions28.official")
    (folder / "goemotions").mkdir()
    (folder / "emobank").mkdir()
    rows = ["id,split,V,A,D,text"]
    for split, name, size in (("train", "train", 16), ("dev", "dev", 7), ("test", "test", 7)):
        lines = []
        for number in range(size):
            word = EKMAN[number % 7]
            lines.append(f"what {word} and more {number}\t{space.index(word)}\t{name}{number}")
            values = f"{1 + number % 5},{2 + number % 3},{3 + number % 2}"
            rows.append(f"{split}{number},{split},{values},so {word} {number}")
        (folder / "goemotions" / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "emobank" / "emobank.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def options(recipe: str, folder: Path, run_folder: Path) -> list[str]:
    kind = recipe.removesuffix("_tiny")
    given = ["--config", f"recipe:{recipe}", "--run_folder", str(run_folder), *SMALL[recipe]]
    given += ["--trainer.accelerator", "cpu", "--trainer.devices", "1"]
    given += ["--trainer.enable_progress_bar", "false"]
    if kind == "text_cat_dim":
        for source, name in (("words", "goemotions"), ("values", "emobank")):
            root = str(folder / "features" / name)
            given += [f"--data.init_args.sources.{source}.init_args.root", root]
        return [*given, "--model.init_args.graph", str(folder / "graph.safetensors")]
    given += ["--data.init_args.root", str(folder / ("pictures" if kind == "emoset_attributes" else "faces"))]
    if kind == "emotion_gcn":
        given += ["--model.init_args.graph", str(folder / "faces.safetensors")]
    return given


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_fit_test_predict_reload(recipe: str, prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    given = options(recipe, prepared, folder)
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    best = folder / "checkpoints" / "best.ckpt"
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((folder / "metrics.json").read_text())
    expected = {
        "emotion_gcn": {"test/accuracy", "test/ccc_valence", "test/sagr"},
        "emoset_attributes": {"test/accuracy", "test/accuracy_of_scene", "test/macro_f1_of_object"},
        "text_cat_dim": {"test/words/macro_f1", "test/values/ccc_dominance", "test/values/pearson"},
    }[recipe.removesuffix("_tiny")]
    assert expected <= set(results["metrics"]) and results["task"] == RECIPES[recipe].__name__
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    predicted, tested = (
        (folder / name).read_text(encoding="utf-8") for name in ("predicted.csv", "predictions.csv")
    )
    assert predicted == tested
    # Without the command line and without a file of graph or vectors, the checkpoint alone predicts this.
    stored = torch.load(best, weights_only=True)["hyper_parameters"]
    assert str(prepared) not in json.dumps(stored)
    task = RECIPES[recipe].load_from_checkpoint(best).eval()
    found = logits_of(task, recipe, prepared, folder)
    rows = list(csv.DictReader(tested.splitlines()))
    assert {row["key"] for row in rows} == set(found)
    several = task.label_space is not None and task.label_space.kind == "multilabel"
    for row in rows:
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        logits = found[row["key"]].double()
        chances = logits.sigmoid() if several else logits.softmax(dim=-1)
        torch.testing.assert_close(chances, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0)


def logits_of(task: AffectTask, recipe: str, prepared: Path, run_folder: Path) -> dict[str, Tensor]:
    """Logits of the test split by key, with batches of another size."""
    modules: dict[str, FeatureDataModule | ImageDataModule]
    if recipe.startswith("text"):
        modules = {
            f"{name}/": FeatureDataModule(str(prepared / "features" / source), batch_size=3)
            for name, source in (("words", "goemotions"), ("values", "emobank"))
        }
    else:
        settings = yaml.safe_load((run_folder / "config.yaml").read_text())["data"]["init_args"]
        modules = {"": ImageDataModule(**{**settings, "batch_size": 3})}
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for prefix, module in modules.items():
            for batch in module.test_dataloader():
                rows: Tensor = task(batch).logits
                found |= {prefix + key: row for key, row, real in zip(batch.keys, rows, batch.valid) if real}
    return found


def test_a_checkpoint_predicts_pictures(prepared: Path, tmp_path: Path) -> None:
    given = options("emotion_gcn_tiny", prepared, tmp_path / "run")
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    out = tmp_path / "out.csv"
    shards, model = str(prepared / "faces"), str(tmp_path / "run")
    assert main(["predict", shards, "--model", model, "--split", "test", "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 7 and all(row["error"] == "" for row in rows)
    assert all(-1 <= float(row["valence"]) <= 1 and row["label"] for row in rows)


def test_the_peers_are_one_word_away(prepared: Path, tmp_path: Path) -> None:
    for head in ("separate", "multi_task"):
        given = options("text_cat_dim_tiny", prepared, tmp_path / head)
        given += ["--model.init_args.head", head, "--model.init_args.graph", "null"]
        assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
        assert train(["test", *given, "--ckpt_path", "best"]) == 0
        facts = json.loads((tmp_path / head / "metrics.json").read_text())
        assert facts["head"] == {"separate": "SeparateHeads", "multi_task": "MultiTaskHead"}[head]


def test_labels_of_ones_own_come_from_the_graph(prepared: Path, tmp_path: Path) -> None:
    given = options("emotion_gcn_tiny", prepared, tmp_path / "run")
    given += ["--data.init_args.label_space", "null", "--model.init_args.scale", "null"]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    task = CategoricalDimensionalTask.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert task.scale.axes == ("valence", "arousal") and task.label_space is not None
    assert task.label_space.name == "meld7.official"


def test_the_published_settings() -> None:
    def values(name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        recipe = yaml.safe_load(recipe_path(name).read_text(encoding="utf-8"))
        return recipe["model"]["init_args"], recipe["data"]["init_args"], recipe["trainer"]

    model, data, trainer = values("emotion_gcn")
    assert (model["optimizer"], model["lr"], model["weight_decay"]) == ("sgd", 0.001, 0.001)
    assert (model["graph"], model["graph_dims"], model["dimension_loss"]) == (
        "affectnet7",
        [512],
        "ccc_mixed",
    )
    assert (model["pooling"], model["schedule"]) == ("max", "constant")
    assert model["backbone"].startswith("densenet121") and model["backbone_pretrained"]
    assert (data["batch_size"], data["size"], data["rotation"], data["flip"]) == (35, 227, 30.0, 0.5)
    assert trainer["max_epochs"] == 10
    assert trainer["callbacks"][0]["init_args"]["monitor"] == "val/accuracy"
    model, data, trainer = values("emoset_attributes")
    assert model["attributes"] == {
        "brightness": 11,
        "colorfulness": 11,
        "scene": 254,
        "object": 409,
        "facial_expression": 6,
        "human_action": 264,
    }
    assert model["several"] == ["object"] and data["size"] == 224

"""The recipes of several data sets, through fit, test, predict and reload on drawn pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import yaml

from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.data.modules import ImageDataModule
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.labels import AffectScale, label_space
from affectkit.recipes import recipe_path
from affectkit.tasks import MultiDatasetPromptTuningTask

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]

#: What is left of a full-size recipe on two cores and without weights.
SMALL = {
    "perceptclip_multi": [
        *("--model.init_args.base", "tiny", "--model.init_args.base_pretrained", "null"),
        *("--model.init_args.head_dims", "[8]", "--model.init_args.adapter_options.rank", "2"),
    ],
    "perceptclip_multi_tiny": [],
}
SOURCES = {
    "perceptclip_multi": ("emotions", "memorability", "quality"),
    "perceptclip_multi_tiny": ("faces", "feelings"),
}


def write(folder: Path, name: str) -> str:
    """Drawn pictures with what the source ``name`` of a recipe has."""
    targets: Literal["label", "dims"] = "label" if name in ("emotions", "faces") else "dims"
    write_synthetic_pictures(folder / name, train=14, val=7, test=7, height=36, width=54, targets=targets)
    if name in ("faces", "feelings"):
        return str(folder / name)
    # Other labels, or a value of another name, for the same pictures.
    space = label_space("emoset8.official") if name == "emotions" else None
    scale = None if space else AffectScale(f"{name}.own", (name,), 0, 1)
    manifest = Manifest(
        name=name,
        kind="image",
        label_space=space,
        dims=scale,
        licence=Licence("none", "synthetic"),
        created_by="tests",
        synthetic=True,
    )
    drawn = ImageDataModule(str(folder / name))
    out = folder / f"{name}-own"
    with DatasetWriter(out, manifest) as writer:
        for split in ("train", "val", "test"):
            store = drawn.store(split)
            for place in range(len(store)):
                record: ItemRecord = {"id": str(place), "label": place % 8 if space else None}
                if scale is not None:
                    record["dims"] = [place / 14]
                writer.add_item(
                    split, store.key(place), record, members={"png": bytes(store.get(place)["png"])}
                )
    return str(out)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("drawn")
    return {name: write(folder, name) for names in SOURCES.values() for name in names}


def options(recipe: str, drawn: dict[str, str], run: Path) -> list[str]:
    given = ["--config", f"recipe:{recipe}", "--run_folder", str(run), *SMALL[recipe]]
    for name in SOURCES[recipe]:
        place = f"--data.init_args.sources.{name}.init_args"
        given += [f"{place}.root", drawn[name], f"{place}.batch_size", "7", f"{place}.size", "32"]
    given += ["--trainer.accelerator", "cpu", "--trainer.devices", "1"]
    return [*given, "--trainer.enable_progress_bar", "false"]


@pytest.mark.parametrize("recipe", sorted(SMALL))
def test_fit_test_predict_reload(recipe: str, drawn: dict[str, str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    given, names = options(recipe, drawn, run), SOURCES[recipe]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    assert best.stat().st_size < 2_000_000
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    scores = ("accuracy", "uar_present", "pearson", "rmse")
    expected = {f"test/{names[0]}/{score}" for score in scores[:2]}
    expected |= {f"test/{name}/{score}" for name in names[1:] for score in scores[2:]}
    assert expected | {f"test/{name}/loss" for name in names} <= set(results["metrics"])
    assert results["protocols"][f"test/{names[0]}/uar_present"] == "uar[present]"
    assert all(f"{name}: " in results["datasets"] for name in names)
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    tables = {kind: (run / f"{kind}.{names[0]}.csv") for kind in ("predicted", "predictions")}
    texts = [path.read_text(encoding="utf-8") for path in tables.values()]
    assert texts[0] == texts[1] and not (run / "predictions.csv").exists()
    counts = json.loads((run / f"confusion.{names[0]}.json").read_text())
    assert sum(map(sum, counts["counts"])) == 7 and not (run / f"confusion.{names[1]}.json").exists()
    # Without the command line, the checkpoint alone gives what the test wrote.
    task = MultiDatasetPromptTuningTask.load_from_checkpoint(best).eval()
    assert counts["labels"] == list(task.datasets[names[0]].outputs)
    rows = {row["key"].partition("/")[2]: row for row in csv.DictReader(texts[0].splitlines())}
    pictures = ImageDataModule(drawn[names[0]], size=32, batch_size=3, normalize=False)
    with torch.no_grad():
        for batch in pictures.test_dataloader():
            chances = task(batch).extra[names[0]].double().softmax(dim=-1)
            for key, row, real in zip(batch.keys, chances, batch.valid):
                if real:
                    written = [float(value) for name, value in rows[key].items() if name.startswith("p_")]
                    torch.testing.assert_close(
                        row, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0
                    )
    for name in names[1:]:
        axes = [f"dim_{axis}" for axis in task.datasets[name].outputs]
        with (run / f"predictions.{name}.csv").open(encoding="utf-8") as file:
            valued = list(csv.DictReader(file))
        assert len(valued) == 7 and all(float(row[axis]) < 9 for row in valued for axis in axes)
    # A picture of no data set gets a label, and every value.
    out = tmp_path / "mine.csv"
    assert main(["predict", drawn[names[1]], "--model", str(run), "--out", str(out), "--device", "cpu"]) == 0
    (first, *_) = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    axes = [axis for name in sorted(names[1:]) for axis in task.datasets[name].axes]
    assert first["label"] in counts["labels"] and all(float(first[axis]) < 9 for axis in axes)


def test_a_label_space_reaches_data_and_model(drawn: dict[str, str], tmp_path: Path) -> None:
    given = options("perceptclip_multi_tiny", drawn, tmp_path / "run")
    given += ["--data.init_args.sources.faces.init_args.label_space", "meld7.merbench"]
    assert train(["fit", *given, "--seed_everything", "5", "--trainer.max_epochs", "1"]) == 0
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    model, data = config["model"]["init_args"], config["data"]["init_args"]
    assert model["datasets"]["faces"]["label_space"] == "meld7.merbench"
    assert data["sources"]["faces"]["init_args"]["label_space"] == "meld7.merbench"
    seeds = [data["seed"], model["seed"], *(part["init_args"]["seed"] for part in data["sources"].values())]
    assert seeds == [5] * 4


def test_the_published_settings() -> None:
    recipe: dict[str, Any] = yaml.safe_load(recipe_path("perceptclip_multi").read_text(encoding="utf-8"))
    model, single = (
        recipe["model"]["init_args"],
        yaml.safe_load(recipe_path("perceptclip").read_text("utf-8")),
    )
    for name in (
        "base",
        "adapter",
        "adapter_options",
        "head_dims",
        "head_dropout",
        "optimizer",
        "lr",
        "schedule",
    ):
        assert model[name] == single["model"]["init_args"][name], name
    assert list(model["lr_by_name"].values()) == [5e-5]
    objectives = {name: part.get("objective", "classification") for name, part in model["datasets"].items()}
    assert objectives == {"emotions": "classification", "memorability": "mse", "quality": "pearson"}
    sources = recipe["data"]["init_args"]["sources"]
    assert {part["init_args"]["batch_size"] for part in sources.values()} == {32}
    assert set(sources) == set(model["datasets"])

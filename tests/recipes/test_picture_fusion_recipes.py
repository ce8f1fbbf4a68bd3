"""The recipes of pictures in two views through fit, test, predict and reload."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml

from affectkit.cli.training import train
from affectkit.data import AffectBatch, ImageDataModule
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.recipes import recipe_path
from affectkit.tasks import TwoViewPictureTask
from affectkit.types import AffectOutput

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: What is left of the full-size recipe on drawn faces.
SMALL = {
    "vtff": [
        *("--model.init_args.backbone", "tiny", "--model.init_args.backbone_pretrained", "false"),
        *("--model.init_args.dim", "16", "--model.init_args.depth", "1", "--model.init_args.hidden_dim", "8"),
        *("--data.init_args.size", "32", "--data.init_args.batch_size", "7"),
        *("--data.init_args.label_space", "meld7.official"),
    ],
    "vtff_tiny": ["--data.init_args.batch_size", "7"],
}


@pytest.mark.parametrize("recipe", sorted(SMALL))
def test_fit_test_predict_reload(recipe: str, tmp_path: Path) -> None:
    root, run = str(tmp_path / "faces"), tmp_path / "run"
    write_synthetic_pictures(root, train=14, val=7, test=7)
    given = ["--config", f"recipe:{recipe}", "--data.init_args.root", root, "--run_folder", str(run)]
    given += ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", *SMALL[recipe]]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    assert "test/accuracy" in results["metrics"] and results["task"] == "TwoViewPictureTask"
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    tested = (run / "predictions.csv").read_text(encoding="utf-8")
    assert (run / "predicted.csv").read_text(encoding="utf-8") == tested
    # The checkpoint alone predicts this, with batches of another size.
    task = TwoViewPictureTask.load_from_checkpoint(best).eval()
    settings = yaml.safe_load((run / "config.yaml").read_text())["data"]["init_args"]
    found: dict[str, torch.Tensor] = {}
    for batch in ImageDataModule(**{**settings, "batch_size": 3}).test_dataloader():
        assert isinstance(batch, AffectBatch)
        with torch.no_grad():
            output: AffectOutput = task(batch)
        assert output.logits is not None
        found |= dict(zip(batch.keys, output.logits.softmax(dim=-1)))
    rows = list(csv.DictReader(tested.splitlines()))
    assert len(rows) == 7
    for row in rows:
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        torch.testing.assert_close(torch.tensor(written), found[row["key"]], rtol=1e-3, atol=1e-5)


def test_what_is_known_of_the_published_settings() -> None:
    recipe = yaml.safe_load(recipe_path("vtff").read_text(encoding="utf-8"))
    model, data = recipe["model"]["init_args"], recipe["data"]["init_args"]
    assert (model["stage"], model["reduction"], model["backbone"]) == (3, 8, "resnet18.tv_in1k")
    assert (model["dim"], model["depth"], model["heads"], model["hidden_dim"]) == (768, 4, 8, 3072)
    assert (model["gated"], model["gate"], model["inner_sigmoid"]) == ("visual_lbp", "sigmoid", True)
    assert (data["size"], data["patterns"], data["normalize"]) == (224, True, False)
    # 14 x 14 places of 256 channels, as published.
    full = TwoViewPictureTask("rafdb7.official", backbone="resnet18", stage=3, dim=8, hidden_dim=8, depth=1)
    assert full.head.get_submodule("projection").in_features == 256  # type: ignore[attr-defined]
    assert full.head.num_tokens == 196  # type: ignore[attr-defined]

"""Recipes of label-free contrast through fit, test, predict and reload."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import torch
import yaml

from affectkit.callbacks import read_log
from affectkit.cli.training import train
from affectkit.data import AffectBatch, FeatureDataModule
from affectkit.data.synthetic import SEQUENCE_WIDTHS, write_synthetic_sequences
from affectkit.labels import label_space
from affectkit.recipes import recipe_path
from affectkit.tasks import ContrastiveTask
from affectkit.types import AffectOutput

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]

#: What is left of the full-size recipe on made-up recordings.
SMALL: Mapping[str, list[str]] = {
    "pairwise_contrastive": [
        *("--model.init_args.inputs", json.dumps(dict(SEQUENCE_WIDTHS))),
        *("--model.init_args.channels", "[6]", "--model.init_args.num_layers", "1"),
        *("--model.init_args.num_heads", "2", "--model.init_args.feature_dim", "8"),
        *("--data.init_args.modalities", json.dumps(sorted(SEQUENCE_WIDTHS))),
        *("--data.init_args.view_steps", "{audio: 12}"),
    ],
    "pairwise_contrastive_tiny": [],
}
SCORE = {"pairwise_contrastive": "balanced_accuracy", "pairwise_contrastive_tiny": "macro_f1"}
SPACE = {"pairwise_contrastive": "mosei6.sdk", "pairwise_contrastive_tiny": "ravdess8.official"}


@pytest.mark.parametrize("recipe", sorted(SMALL))
def test_fit_test_predict_reload(recipe: str, tmp_path: Path) -> None:
    root, run = str(tmp_path / "shards"), tmp_path / "run"
    write_synthetic_sequences(root, train=64, val=16, test=20, label_space=SPACE[recipe])
    given = ["--config", f"recipe:{recipe}", "--data.init_args.root", root, "--run_folder", str(run)]
    given += ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", *SMALL[recipe]]
    given += ["--trainer.log_every_n_steps", "1"]
    assert train(["fit", *given, "--trainer.max_epochs", "2"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    scores = [row.value for row in read_log(run) if row.key == f"val/{SCORE[recipe]}"]
    assert len(scores) == 2 and torch.load(best, weights_only=True)["epoch"] == scores.index(max(scores))
    assert {"train/loss_contrast_step", "train/loss_emotion_step"} <= {row.key for row in read_log(run)}
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    assert f"test/{SCORE[recipe]}" in results["metrics"] and results["stage"] == "online"
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    tested = (run / "predictions.csv").read_text(encoding="utf-8")
    assert (run / "predicted.csv").read_text(encoding="utf-8") == tested
    # The checkpoint alone predicts this.
    task = ContrastiveTask.load_from_checkpoint(best).eval()
    options = yaml.safe_load((run / "config.yaml").read_text())["data"]["init_args"]
    found: dict[str, torch.Tensor] = {}
    for batch in cast("list[AffectBatch]", list(FeatureDataModule(**options).test_dataloader())):
        with torch.no_grad():
            output: AffectOutput = task(batch)
        assert output.logits is not None
        several = label_space(SPACE[recipe]).kind == "multilabel"
        found |= dict(zip(batch.keys, output.logits.sigmoid() if several else output.logits.softmax(dim=-1)))
    rows = list(csv.DictReader(tested.splitlines()))
    assert {row["key"] for row in rows} <= set(found) and len(rows) == 20
    for row in rows:
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        torch.testing.assert_close(torch.tensor(written), found[row["key"]], rtol=1e-3, atol=1e-4)


def test_the_published_settings() -> None:
    recipe = yaml.safe_load(recipe_path("pairwise_contrastive").read_text(encoding="utf-8"))
    model, trainer = recipe["model"]["init_args"], recipe["trainer"]
    assert (model["lr"], model["weight_decay"], model["optimizer"]) == (1e-3, 1e-3, "sgd")
    assert (model["decay_every"], model["decay"], model["temperature"]) == (5, 0.9, 0.07)
    assert (model["feature_dim"], model["hidden_dim"], model["projection_dim"]) == (512, 1024, 512)
    assert (model["networks"], model["num_layers"], model["num_heads"]) == ({"text": "transformer"}, 6, 5)
    weights = dict(zip(label_space("mosei6.sdk").labels, model["positive_weight"], strict=True))
    assert weights["surprise"] == 19.489855 and weights["happy"] == 1.05285
    assert recipe["data"]["init_args"]["batch_size"] == 32 and recipe["data"]["init_args"]["views"] == 2
    assert trainer["max_epochs"] == 2000 and trainer["callbacks"][1]["init_args"]["patience"] == 50

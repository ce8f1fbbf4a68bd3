"""The recipes of audiences through fit, test, predict, report and reload."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from affectkit.callbacks import read_log
from affectkit.cli.training import train
from affectkit.data.modules import AudienceDataModule
from affectkit.data.synthetic import AUDIENCE_VOCABULARY, write_synthetic_audience
from affectkit.recipes import recipe_path
from affectkit.tasks import AudienceTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: What fits a recipe to the made-up audience.
SMALL = {
    "hypergraph_audience": [
        *("--model.init_args.inputs", '{"text": 8}', "--model.init_args.components", "4"),
        *("--model.init_args.ffn_dim", "16", "--data.init_args.batch_size", "48"),
    ],
    "hypergraph_audience_tiny": [
        *("--model.init_args.inputs", '{"text": 8}', "--model.init_args.components", "4"),
    ],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("audience") / "shards"
    write_synthetic_audience(folder, people=28, videos=12, scenes=1, feature_dim=8)
    return str(folder)


def options(recipe: str, root: str, run: Path) -> list[str]:
    return [
        *("--config", f"recipe:{recipe}", "--data.init_args.root", root, "--run_folder", str(run)),
        *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"),
        *SMALL[recipe],
    ]


@pytest.mark.parametrize("recipe", sorted(SMALL))
def test_fit_test_predict_reload(recipe: str, root: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = options(recipe, root, run)
    assert train(["fit", *given, "--trainer.max_epochs", "3"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    scores = [row.value for row in read_log(run) if row.key == "val/accuracy"]
    assert len(scores) == 3 and torch.load(best, weights_only=True)["epoch"] == scores.index(max(scores))
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    assert results["label_space"] == "engagement3.quantiles"
    assert {f"test/accuracy_{name}_p1" for name in ("emr", "engagement", "emotion")} <= set(
        results["metrics"]
    )
    assert results["protocols"]["test/accuracy_emr_gender_male"] == "war[group=gender=male]"
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    tested = (run / "predictions.csv").read_text(encoding="utf-8")
    assert (run / "predicted.csv").read_text(encoding="utf-8") == tested
    # Without the command line, the checkpoint alone gives what the test wrote.
    task = AudienceTask.load_from_checkpoint(best).eval()
    settings = yaml.safe_load((run / "config.yaml").read_text())["data"]["init_args"]
    data = AudienceDataModule(**{**settings, "batch_size": 5})
    found: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for batch in data.test_dataloader():
            logits = task(batch).logits
            found |= {key: row for key, row, real in zip(batch.keys, logits, batch.valid) if real}
    rows = list(csv.DictReader(tested.splitlines()))
    assert [row["key"] for row in rows] == list(found) and len(rows) == 48
    for row in rows:
        written = torch.tensor([float(row[f"p_part {part} of 3"]) for part in (1, 2, 3)], dtype=torch.float64)
        chances = found[row["key"]].double().softmax(dim=-1)
        torch.testing.assert_close(chances, written, atol=2e-5, rtol=0)


def test_the_tiny_recipe_learns_what_was_made_up(root: str, tmp_path: Path) -> None:
    given = options("hypergraph_audience_tiny", root, tmp_path / "run")
    assert train(["fit", *given]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((tmp_path / "run" / "metrics.json").read_text())
    # three classes; a third would be right by chance
    assert results["metrics"]["test/accuracy"] > 0.45


def test_the_published_settings() -> None:
    def values(name: str) -> tuple[dict[str, Any], dict[str, Any], int]:
        recipe = yaml.safe_load(recipe_path(name).read_text(encoding="utf-8"))
        return recipe["model"]["init_args"], recipe["data"]["init_args"], recipe["seed_everything"]

    model, data, seed = values("hypergraph_audience")
    assert (model["components"], model["ffn_dim"], data["neighbours"], seed) == (66, 2048, 5, 2024)
    assert data["vocabulary"] == {name: list(values) for name, values in AUDIENCE_VOCABULARY.items()}
    assert model["components"] + sum(map(len, data["vocabulary"].values())) == 77
    assert model["normalization"] == "symmetric" and set(data["indicators"]) == set(model["indicators"])

"""The recipes of compound expressions through fit, test, predict and reload, on clips that are made up."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from affectkit.callbacks import read_log
from affectkit.cli.training import train
from affectkit.data.modules import ConversationDataModule
from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.functional import clip_scores
from affectkit.labels import label_space
from affectkit.recipes import recipe_path
from affectkit.tasks import FrameClassificationTask
from affectkit.types import AffectOutput

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The number of training batches:UserWarning"),
]

WIDTHS = {"audio": 4, "text": 6, "visual": 5}
FRAMES = 6
SMALL = [
    *("--model.init_args.inputs", json.dumps(WIDTHS), "--model.init_args.channels", "[8,8]"),
    *("--model.init_args.label_space", "cexprdb7.abaw", "--data.init_args.label_space", "cexprdb7.abaw"),
    *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.enable_progress_bar", "false"),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Clips whose label stands in their frames, some of them shorter, all with a label of C-EXPR-DB."""
    folder = tmp_path_factory.mktemp("compound") / "clips"
    template = Manifest(
        name="clips",
        kind="conversation",
        label_space=label_space("cexprdb7.abaw"),
        features={name: FeatureSpec(width, "float32", "made up") for name, width in WIDTHS.items()},
        licence=Licence("CC0-1.0", "open", "Made up."),
        created_by="a test",
    )
    generator = torch.Generator().manual_seed(0)
    with DatasetWriter(folder, template) as writer:
        for split, count in (("train", 14), ("val", 7), ("test", 7)):
            for number in range(count):
                frames = FRAMES - number % 3
                label = number % 7
                turns: list[UtteranceRecord] = [
                    {"id": str(place), "text": "frame", "speaker": 0, "label": label}
                    for place in range(frames)
                ]
                record: ConversationRecord = {
                    "id": f"{split}{number}",
                    "speakers": ["one"],
                    "utterances": turns,
                }
                features = {
                    name: torch.randn(frames, width, generator=generator) + label
                    for name, width in WIDTHS.items()
                }
                writer.add_conversation(split, f"{split}{number:02d}", record, features=features)
    return str(folder)


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("compound_expression", []),
        ("compound_expression_tiny", ["--model.init_args.decision", "vote"]),
        ("compound_expression_tiny", ["--model.init_args.basic", "fer7.official"]),
    ],
)
def test_fit_test_predict_reload(recipe: str, changes: list[str], clips: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = ["--config", f"recipe:{recipe}", "--data.init_args.root", clips, "--run_folder", str(run)]
    given += [*SMALL, *changes]
    assert train(["fit", *given, "--trainer.max_epochs", "2"]) == 0
    best = run / "checkpoints" / "best.ckpt"
    scores = [row.value for row in read_log(run) if row.key == "val/macro_f1"]
    assert len(scores) == 2 and torch.load(best, weights_only=True)["epoch"] == scores.index(max(scores))
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((run / "metrics.json").read_text())
    assert results["decision"] == ("vote" if "vote" in changes else "mean_logit")
    assert train(["predict", *given, "--ckpt_path", str(best)]) == 0
    tested = (run / "predictions.csv").read_text(encoding="utf-8")
    assert (run / "predicted.csv").read_text(encoding="utf-8") == tested
    # Without the command line, the checkpoint alone gives what the test wrote: one line for each clip.
    task = FrameClassificationTask.load_from_checkpoint(best).eval()
    found: dict[str, Tensor] = {}
    right = 0
    with torch.no_grad():
        for batch in ConversationDataModule(clips, batch_size=3).test_dataloader():
            output: AffectOutput = task(batch)
            assert output.logits is not None and batch.target.label is not None
            decided = clip_scores(output.logits, batch.masks["utterance"], rule=task.decision.rule)
            for key, row, label, real in zip(
                batch.keys, decided, batch.target.label, batch.valid, strict=True
            ):
                if real:
                    found[key] = row
                    right += int(row.argmax() == label[0])
    assert results["metrics"]["test/accuracy"] == pytest.approx(right / 7)
    rows = list(csv.DictReader(tested.splitlines()))
    assert [row["key"] for row in rows] == list(found) and len(rows) == 7
    for line in rows:
        written = [float(value) for name, value in line.items() if name.startswith("p_")]
        chances = found[line["key"]].double().softmax(dim=-1)
        torch.testing.assert_close(chances, torch.tensor(written, dtype=torch.float64), atol=2e-5, rtol=0)


def test_the_published_settings() -> None:
    recipe = yaml.safe_load(recipe_path("compound_expression").read_text(encoding="utf-8"))
    model, trainer = recipe["model"]["init_args"], recipe["trainer"]
    assert (model["label_space"], recipe["data"]["init_args"]["batch_size"]) == ("cexprdb7.abaw", 2)
    assert model["inputs"] == {"audio": 128, "text": 768, "visual": 512}
    assert (model["fusion_dim"], model["fusion_options"]["follower_dim"]) == (128, 32)
    assert (model["optimizer"], model["lr"], model["weight_decay"]) == ("sgd", 1e-4, 1e-4)
    assert (trainer["max_epochs"], trainer["callbacks"][0]["init_args"]["patience"]) == (1000, 50)
    assert model["decision"] == "mean_logit"

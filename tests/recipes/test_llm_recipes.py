"""The recipes of language models through fit, test, predict and reload."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml

from affectkit.callbacks import read_curriculum
from affectkit.cli.configuration_error import ConfigurationError
from affectkit.cli.training import train
from affectkit.data.modules import ConversationPromptDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor
from affectkit.recipes import recipe_path
from affectkit.tasks import ConversationLLMTask

pytest.importorskip("peft", reason="needs the extra 'llm'")
# jsonargparse, transformers and Lightning deprecate what others still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("llm_recipes")
    write_synthetic(folder / "corpus", train=6, val=2, test=2, seed=0)
    extract_features(folder / "corpus", folder / "features", encoders={"text": named_extractor("text")})
    return str(folder / "features")


#: What makes the published recipe small enough for this machine.
SMALL = [
    *("--model.init_args.language_model", "tiny", "--model.init_args.quantization", "none"),
    *("--model.init_args.lora_rank", "2", "--data.init_args.context_window", "1"),
    *("--data.init_args.max_tokens", "850", "--data.init_args.demonstrations", "1"),
    *("--model.init_args.checkpointing", "false", "--model.init_args.weights_dtype", "float32"),
    *("--data.init_args.batch_size", "8", "--trainer.precision", "32-true", "--trainer.accelerator", "cpu"),
]


@pytest.mark.parametrize(("recipe", "given"), [("prc_emo", SMALL), ("prc_emo_tiny", [])])
def test_fit_test_predict_reload(recipe: str, given: list[str], features: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["--config", f"recipe:{recipe}", "--data.init_args.root", features, "--run_folder", str(folder)]
    options += [*given, "--trainer.max_epochs", "2", "--trainer.devices", "1"]
    assert train(["fit", *options]) == 0
    opened = read_curriculum(folder)
    conversations = [{key.split("#")[0] for key, _ in opened[epoch]} for epoch in (0, 1)]
    assert len(conversations[0]) == 3 and len(conversations[1]) == 6
    assert train(["test", *options, "--ckpt_path", "best"]) == 0
    results = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert (results["context"], results["language_model"], results["prompt"]) == (
        "past",
        "tiny",
        recipe if recipe == "prc_emo" else "plain",
    )
    assert {"test/weighted_f1", "test/accuracy", "test/loss"} <= set(results["metrics"])
    best = folder / "checkpoints" / "best.ckpt"
    assert train(["predict", *options, "--ckpt_path", str(best)]) == 0
    predicted, tested = (folder / name for name in ("predicted.csv", "predictions.csv"))
    assert predicted.read_text(encoding="utf-8") == tested.read_text(encoding="utf-8")
    # Without the command line, the checkpoint alone gives what the test wrote.
    task = ConversationLLMTask.load_from_checkpoint(best).eval()
    values = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["data"]["init_args"]
    shown = {name: values[name] for name in ("template", "context_window", "max_tokens", "demonstrations")}
    data = ConversationPromptDataModule(features, "tiny", batch_size=5, **shown)
    found: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for batch in data.test_dataloader():
            logits = task(batch).logits
            assert logits is not None
            found.update(zip(batch.keys, logits.double().softmax(dim=-1)))
    with tested.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["key"] for row in rows} == set(found)
    for row in rows:
        written = [float(value) for name, value in row.items() if name.startswith("p_")]
        torch.testing.assert_close(
            found[row["key"]], torch.tensor(written, dtype=torch.float64), atol=5e-5, rtol=0
        )


def test_values_of_the_recipe_are_the_published_ones() -> None:
    recipe = yaml.safe_load(recipe_path("prc_emo").read_text(encoding="utf-8"))
    model, data, trainer = recipe["model"]["init_args"], recipe["data"]["init_args"], recipe["trainer"]
    assert (model["lora_rank"], model["lora_alpha"], model["lora_dropout"]) == (32, 128, 0.05)
    assert (model["lr"], model["schedule"], model["warmup"], model["noise"]) == (3e-4, "linear", 0.03, 5.0)
    assert (model["quantization"], model["weights_dtype"]) == ("nf4", "bfloat16")
    assert "lora_targets" not in model and "language_model" not in model
    assert (data["demonstrations"], data["context_window"], data["max_tokens"]) == (3, 5, 2048)
    assert (data["batch_size"], trainer["accumulate_grad_batches"]) == (1, 4)
    assert (trainer["max_epochs"], trainer["gradient_clip_val"]) == (4, 0.3)
    assert data["curriculum"]["init_args"]["buckets"] == 2


def test_a_missing_language_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"not told its language_model: add --model\.init_args"):
        train(["fit", "--config", "recipe:prc_emo", "--data.init_args.root", str(tmp_path)])

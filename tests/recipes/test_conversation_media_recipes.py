"""Extractors trained in a conversation model: the recipes through fit, an interruption, test and reload."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml

from affectkit.cli.training import train
from affectkit.data.modules import ConversationMediaDataModule
from affectkit.data.synthetic import write_synthetic
from affectkit.encoders import LogMelConvEncoder
from affectkit.tasks import ConversationMediaTask, MissingPartError

pytest.importorskip("transformers", reason="needs the extra 'text'")
pytest.importorskip("timm", reason="needs the extra 'vision'")
# jsonargparse deprecates what Lightning and older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: What makes the full recipe small.
SMALL = [
    *("--data.init_args.tokenizer", "tiny", "--data.init_args.rate", "8000", "--data.init_args.size", "32"),
    *("--data.init_args.num_workers", "0", "--data.init_args.max_tokens", "12"),
    *("--model.init_args.visual_encoder", "tiny", "--model.init_args.num_mels", "16"),
    *("--model.init_args.widths", "[4, 6]", "--model.init_args.hidden_dim", "8"),
    *("--model.init_args.context_dim", "8", "--model.init_args.head_dim", "0"),
    *("--model.init_args.context_options", "{num_encoders: 1, num_fusion_layers: 1, num_heads: 2}"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("media") / "corpus"
    write_synthetic(folder, train=4, val=2, test=3, seed=0, missing=0.2)
    return str(folder)


@pytest.mark.parametrize("recipe", ["m2fnet_media", "m2fnet_media_tiny"])
def test_fit_test_predict_reload(recipe: str, corpus: str, tmp_path: Path) -> None:
    given = ["--config", f"recipe:{recipe}", "--data.init_args.root", corpus]
    given += ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--run_folder", str(tmp_path / "run")]
    given += SMALL if recipe == "m2fnet_media" else []
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["fit", *given, "--trainer.max_epochs", "2", "--ckpt_path", "last"]) == 0
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    stored = torch.load(best, weights_only=True)["hyper_parameters"]
    # One name, one rate and one choice of media reach both sides.
    assert stored["text_encoder"] == "tiny" and stored["rate"] == 8000
    assert stored["media"] == ["audio", "text", "visual"] and stored["scene"] is (recipe == "m2fnet_media")
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert results["extractors"].startswith("audio: LogMelConvEncoder") and results["context"] == "both"
    with (tmp_path / "run" / "predictions.csv").open(encoding="utf-8") as stream:
        rows = {(row["key"], int(row["utterance"])): row for row in csv.DictReader(stream)}
    # The checkpoint alone gives what the test wrote, whatever fills a batch.
    task = ConversationMediaTask.load_from_checkpoint(best).eval()
    data = ConversationMediaDataModule(
        corpus,
        tokenizer="tiny",
        max_tokens=12 if recipe == "m2fnet_media" else 48,
        rate=8000,
        size=32,
        scene=bool(stored["scene"]),
        batch_size=2,
    )
    checked = 0
    for batch in data.test_dataloader():
        with torch.no_grad():
            chances = task(batch).logits.double().softmax(-1)
        for row, (key, real) in enumerate(zip(batch.keys, batch.valid.tolist(), strict=True)):
            for turn in range(int(batch.masks["utterance"][row].sum()) if real else 0):
                found = rows[key, turn]
                written = [float(value) for name, value in found.items() if name.startswith("p_")]
                expected = torch.tensor(written).double()
                torch.testing.assert_close(chances[row, turn], expected, atol=2e-5, rtol=0)
                checked += 1
    assert checked == len(rows)


def test_an_extractor_by_its_class_path(corpus: str, tmp_path: Path) -> None:
    voice = {
        "class_path": "affectkit.encoders.LogMelConvEncoder",
        "init_args": {"rate": 8000, "num_mels": 12, "widths": [4]},
    }
    mine = tmp_path / "mine.yaml"
    chosen = {"media": ["audio"]}
    model = {"media": None, "extractors": {"audio": voice}, "rates": {"audio": 0.01}}
    options = {"hidden_dim": 8, "context_model": "bc_lstm", "context_options": None, "context_dim": 8}
    mine.write_text(
        yaml.safe_dump({"model": {"init_args": {**model, **options}}, "data": {"init_args": chosen}})
    )
    given = ["--config", "recipe:m2fnet_media_tiny", "--config", str(mine), "--data.init_args.root", corpus]
    given += ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--run_folder", str(tmp_path / "run")]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    results = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert results["extractors"] == "audio: LogMelConvEncoder" and results["modalities"] == "audio"
    # A part that is given is given again.
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    with pytest.raises(MissingPartError, match=r"\(extractors\).*give it again"):
        ConversationMediaTask.load_from_checkpoint(best)
    again = LogMelConvEncoder(8000, num_mels=12, widths=(4,))
    task = ConversationMediaTask.load_from_checkpoint(best, extractors={"audio": again})
    weights = torch.load(best, weights_only=True)["state_dict"]
    place = "encoders.audio.turns.encoder.network.convolutions.0.weight"
    assert torch.equal(task.state_dict()[place], weights[place])

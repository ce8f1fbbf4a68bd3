"""Prompts with demonstrations on raw dialogues are those of the training, and show no answer of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from lightning.pytorch import Trainer

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.cli.main import main
from affectkit.data.loader import index_conversations
from affectkit.data.modules import ConversationPromptDataModule
from affectkit.data.schema import ConversationRecord
from affectkit.data.store import open_store
from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.predict import DialoguePredictor, PredictError, extract_features, open_predictor
from affectkit.tasks import ConversationLLMTask, DialogueTextTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


@pytest.fixture(scope="module")
def talks(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic dialogues with features of their texts."""
    out = tmp_path_factory.mktemp("shown") / "talks"
    extract_features(corpus, out, encoders={"text": TinyTextEncoder()})
    return out


def script(talks: Path, file: Path, *, split: str) -> Path:
    store = open_store(talks, split)
    records: list[ConversationRecord] = [json.loads(bytes(store.get(n)["json"])) for n in range(len(store))]
    lines = [
        {
            "utterances": [
                {"speaker": record["speakers"][turn["speaker"]], "text": turn["text"]}
                for turn in record["utterances"]
            ]
        }
        for record in records
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def trained(root: Path, checkpoint: Path, *, split: str = "test", **options: Any) -> list[tuple[float, ...]]:
    """Logits of a split, by the trainer that then writes the checkpoint."""
    torch.manual_seed(0)
    task = ConversationLLMTask("meld7.official", "tiny", lora_rank=2)
    data = ConversationPromptDataModule(
        str(root),
        "tiny",
        label_space="meld7.official",
        context_window=1,
        template="plain",
        max_tokens=600,
        batch_size=4,
        predict_split=split,
        **options,
    )
    trainer = Trainer(**QUIET)
    found = cast("list[AffectPrediction]", trainer.predict(task, data))
    trainer.save_checkpoint(checkpoint, weights_only=True)
    return [tuple(row.tolist()) for batch in found if batch.logits is not None for row in batch.logits]


@pytest.mark.parametrize(("split", "saved"), [("test", False), ("train", False), ("test", True)])
def test_raw_dialogues_get_the_prompts_of_the_training(
    talks: Path, tmp_path: Path, split: str, saved: bool
) -> None:
    options: dict[str, object] = {"demonstrations": 2}
    if saved:
        index_conversations(open_store(talks, "train")).save(tmp_path / "index.safetensors")
        options["demonstration_index"] = str(tmp_path / "index.safetensors")
    expected = trained(talks, tmp_path / "a.ckpt", split=split, **options)
    file = script(talks, tmp_path / "a.jsonl", split=split)
    predictor = open_predictor(tmp_path / "a.ckpt", batch_size=4, device="cpu")
    assert isinstance(predictor, DialoguePredictor)
    assert [row.logits for row in predictor.rows(predictor.find([file]))] == expected
    assert [row.logits for row in predictor.rows(predictor.find([talks], split=split))] == expected
    assert expected != trained(talks, tmp_path / "none.ckpt", split=split)
    assert "prompts show 2 of " in predictor.manner and "2 of " in predictor.described("runs/x")


def test_where_they_lie_can_be_said(talks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = shutil.copytree(talks, tmp_path / "here")
    expected = trained(here, tmp_path / "a.ckpt", demonstrations=2)
    file = script(talks, tmp_path / "a.jsonl", split="test")
    here.rename(tmp_path / "moved")
    with pytest.raises(
        PredictError, match=r"show labelled utterances of .*here, which is not there: say where"
    ):
        open_predictor(tmp_path / "a.ckpt")
    index_conversations(open_store(talks, "train")).save(tmp_path / "index.safetensors")
    for place in (tmp_path / "moved", tmp_path / "index.safetensors"):
        predictor = open_predictor(tmp_path / "a.ckpt", batch_size=4, device="cpu", demonstrations=place)
        assert [row.logits for row in predictor.rows(predictor.find([file]))] == expected
    given = ["predict", str(file), "--model", str(tmp_path / "a.ckpt"), "--device", "cpu"]
    assert main([*given, "--demonstrations", str(tmp_path / "moved")]) == 0
    assert "prompts show 2 of" in capsys.readouterr().err
    with pytest.raises(PredictError, match=r"by features of 'tiny.*and the one that was named is 'tiny"):
        open_predictor(
            tmp_path / "a.ckpt", demonstrations=tmp_path / "moved", encoder=TinyTextEncoder(out_dim=8)
        )


def test_who_shows_none_takes_none(tmp_path: Path, talks: Path, kept_run: Callable[..., Path]) -> None:
    trained(talks, tmp_path / "a.ckpt")
    with pytest.raises(
        PredictError, match="show no labelled utterances: leave encoder and demonstrations out"
    ):
        DialoguePredictor.from_checkpoint(tmp_path / "a.ckpt", demonstrations=talks)
    run = kept_run(tmp_path, DialogueTextTask("meld7.official", "tiny"), "TextDataModule", tokenizer="tiny")
    for model in (run, tmp_path / "a.ckpt"):
        with pytest.raises(PredictError, match="is shown no labelled utterances: leave demonstrations out"):
            open_predictor(model, demonstrations=talks)
    options = {"tokenizer": "tiny", "demonstrations": 2, "modality": "audio"}
    run = kept_run(
        tmp_path / "b",
        ConversationLLMTask("meld7.official", "tiny"),
        "ConversationPromptDataModule",
        **options,
    )
    with pytest.raises(
        PredictError, match="utterances that are found by audio, which a raw dialogue does not"
    ):
        open_predictor(run)

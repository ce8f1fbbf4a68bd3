"""A medium that occurs in no training turn: named before training, and per source of a mixture."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer

from affectkit.data import ConversationMediaDataModule, MixedDataModule
from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.synthetic.wav_bytes import wav_bytes
from affectkit.labels import label_space
from affectkit.tasks import ConversationMediaTask

VOICE = wav_bytes(torch.linspace(-0.5, 0.5, 800).numpy())


def write(root: Path, *, heard: str = "", said: str = "") -> str:
    """Two splits of two dialogues; only the second of the split ``heard`` or ``said`` has anything."""
    template = Manifest(
        name="talk",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(root, template) as writer:
        for split in ("train", "val"):
            for number in (0, 1):
                text = "oh no" if split == said and number else " "
                record: ConversationRecord = {
                    "id": str(number),
                    "speakers": ["Ann"],
                    "utterances": [{"id": "0", "text": text, "speaker": 0, "label": 1}],
                }
                members = {"voice-000.wav": VOICE} if split == heard and number else {}
                writer.add_conversation(split, f"{split}{number}", record, features={}, members=members)
    return str(root)


def data(root: str, **options: object) -> ConversationMediaDataModule:
    usual = {"media": ["audio"], "rate": 8000, "batch_size": 2}
    return ConversationMediaDataModule(root, **{**usual, **options})  # type: ignore[arg-type]


def fit(module: LightningDataModule) -> None:
    torch.manual_seed(0)
    task = ConversationMediaTask(
        "meld7.official",
        media=["audio"],
        rate=8000,
        num_mels=8,
        widths=[4],
        hidden_dim=4,
        context_model="none",
    )
    Trainer(
        accelerator="cpu",
        max_steps=1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    ).fit(task, module)


def test_what_no_turn_has_is_found(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'text'")
    root = write(tmp_path / "set", heard="train", said="val")
    module = data(root, media=["audio", "text", "visual"], tokenizer="tiny")
    assert module.absent_media("train") == ("text", "visual")
    assert module.absent_media("val") == ("audio", "visual")
    assert data(root).absent_media("train") == ()


def test_an_encoder_of_what_nobody_has_is_refused(tmp_path: Path) -> None:
    silent = write(tmp_path / "silent", heard="val")
    with pytest.raises(
        ValueError, match=r"encoder for 'audio', but no turn of the train split .*silent has a voice"
    ):
        fit(data(silent))
    fit(data(write(tmp_path / "heard", heard="train")))


def test_a_source_of_a_mixture_may_lack_it(tmp_path: Path) -> None:
    silent, heard = write(tmp_path / "silent"), write(tmp_path / "heard", heard="train")
    with pytest.warns(UserWarning, match=r"'tv' \(.*silent\) has a voice .* by the other sources"):
        fit(MixedDataModule({"tv": data(silent), "radio": data(heard)}))
    with pytest.raises(ValueError, match=r"silent and .*silent has a voice"):
        fit(MixedDataModule({"tv": data(silent), "film": data(silent)}))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="No turn of the train split")
        fit(MixedDataModule({"radio": data(heard), "again": data(heard)}))

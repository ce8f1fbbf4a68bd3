"""Dialogues of files are read as those of shards: voices, faces and texts, turn by turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data import ConversationMediaDataModule
from affectkit.data.schema import ConversationRecord
from affectkit.data.store import open_store
from affectkit.predict import ConversationMediaPredictor, MediaView, PredictError, Prediction, open_predictor
from affectkit.tasks import ConversationMediaTask

pytest.importorskip("transformers", reason="needs the extra 'text'")
RATE = 8000
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


def small(media: list[str] | None = None) -> ConversationMediaTask:
    torch.manual_seed(0)
    options: dict[str, Any] = {"media": media, "text_encoder": "tiny", "visual_encoder": "tiny"}
    return ConversationMediaTask("meld7.official", **options, rate=RATE, widths=[4, 6], hidden_dim=8)


def write_files(corpus: Path, folder: Path, *, split: str) -> Path:
    """The dialogues of a split as a .jsonl, and their voices and faces as files that it names."""
    (folder / "media").mkdir(parents=True)
    store = open_store(corpus, split)
    lines: list[str] = []
    for place in range(len(store)):
        members, key = store.get(place), store.key(place)
        record: ConversationRecord = json.loads(bytes(members["json"]))
        turns: list[dict[str, object]] = [
            {"speaker": record["speakers"][turn["speaker"]], "text": turn["text"]}
            for turn in record["utterances"]
        ]
        for name, data in members.items():
            kind, dash, rest = name.partition("-")
            if dash:
                file = folder / "media" / f"{key}.{name}"
                file.write_bytes(data)
                turns[int(rest.partition(".")[0])][kind] = f"media/{file.name}"
        lines.append(json.dumps({"id": key, "utterances": turns}))
    (folder / "talks.jsonl").write_text("\n".join(lines))
    return folder / "talks.jsonl"


def rows(predictor: Any, *paths: Path, split: str = "train") -> list[Prediction]:
    return list(predictor.rows(predictor.find(paths, split=split)))


def test_files_give_the_logits_of_the_shards(corpus: Path, tmp_path: Path) -> None:
    task = small()
    data = ConversationMediaDataModule(
        str(corpus),
        tokenizer="tiny",
        rate=RATE,
        size=20,
        max_seconds=0.3,
        label_space="meld7.official",
        batch_size=2,
        predict_split="train",
    )
    trainer = Trainer(**QUIET)
    expected: list[Tensor] = []
    for batch in cast("list[AffectPrediction]", trainer.predict(task, data)):
        assert batch.logits is not None
        expected += [row for one, real in zip(batch.logits, batch.valid, strict=True) for row in one[real]]
    trainer.save_checkpoint(tmp_path / "alone.ckpt", weights_only=True)
    file = write_files(corpus, tmp_path / "in", split="train")
    predictor = open_predictor(tmp_path / "alone.ckpt", batch_size=2, device="cpu")
    assert isinstance(predictor, ConversationMediaPredictor)
    named = rows(predictor, file)
    for found in (named, rows(predictor, corpus)):
        assert len(found) == len(expected) > 8
        for row, logits in zip(found, expected, strict=True):
            assert row.error is None and torch.equal(torch.tensor(row.logits), logits)
    assert "dialogues, the audio, text, visual of their turns, as in" in predictor.described("runs/x")
    # What a turn names is part of what its dialogue is.
    voice = next((tmp_path / "in" / "media").glob("*.wav"))
    voice.write_bytes(voice.read_bytes()[:-2] + b"xx")
    changed = [row.data != before.data for row, before in zip(rows(predictor, file), named, strict=True)]
    assert 0 < sum(changed) < len(changed)


def test_what_a_turn_names_is_read_or_its_dialogue_is_an_error(corpus: Path, tmp_path: Path) -> None:
    view = MediaView(("audio",), rate=RATE)
    predictor = ConversationMediaPredictor(small(["audio"]), view, batch_size=2, device="cpu")
    file = write_files(corpus, tmp_path / "in", split="test")
    turns = json.loads(file.read_text())["utterances"]
    voices = [turn["voice"] for turn in turns if "voice" in turn][:2]
    alone = [{"dialogue": "a", "speaker": "Ann", "voice": voices[0]}]  # a turn of a voice needs no text
    gone = [{"dialogue": "b", "speaker": "Ann", "voice": name} for name in ("gone.wav", voices[1])]
    other = [{"dialogue": "c", "speaker": "Ann", "voice": name} for name in (voices[0], "a.mp3")]
    silent = [{"dialogue": "d", "speaker": "Ann", "text": "hello"}]
    file.write_text("\n".join(map(json.dumps, [*alone, *gone, *other, *silent])))
    found = rows(predictor, file)
    assert [row.error is None for row in found] == [True] + [False] * 5
    assert all("The file 'gone.wav' of voice-000 cannot be read" in (row.error or "") for row in found[1:3])
    assert all("The voice 'a.mp3' of line 5 is no file" in (row.error or "") for row in found[3:5])
    assert "The dialogue has nothing of audio, which the model reads" in (found[5].error or "")
    file.write_text(json.dumps(alone[0]))
    (row,) = rows(predictor, file)
    assert row.logits == found[0].logits and row.data == found[0].data


def test_faces_of_a_turn_are_a_list_and_each_goes_in(corpus: Path, tmp_path: Path) -> None:
    view = MediaView(("visual",), size=16, max_faces=2)
    predictor = ConversationMediaPredictor(small(["visual"]), view, batch_size=1, device="cpu")
    file = write_files(corpus, tmp_path / "in", split="test")
    faces = [turn["face"] for turn in json.loads(file.read_text())["utterances"] if "face" in turn][:2]
    given: list[tuple[float, ...]] = []
    for face in (faces, faces[0], faces[:1], faces[1]):
        file.write_text(json.dumps({"utterances": [{"speaker": "Ann", "face": face}]}))
        (row,) = rows(predictor, file)
        given.append(row.logits)
    assert given[1] == given[2] and len(set(given)) == 3


def test_what_files_do_not_hold_is_refused(tmp_path: Path, kept_run: Callable[..., Path]) -> None:
    run = kept_run(tmp_path / "a", small(["audio"]), "ConversationMediaDataModule", features=["pitch"])
    with pytest.raises(PredictError, match="read stored features of pitch beside its media"):
        open_predictor(run)
    with pytest.raises(PredictError, match="reads audio, and its dialogues are shown as visual"):
        ConversationMediaPredictor(small(["audio"]), MediaView(("visual",)))

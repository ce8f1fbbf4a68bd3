"""A folder that `save_pretrained` wrote predicts as the run it comes from, here or from the hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from affectkit.calibration import LogitScaling, TemperatureScaling, VectorScaling, load_scaling, save_scaling
from affectkit.cli.main import main
from affectkit.data.loader import PictureView
from affectkit.labels import label_space
from affectkit.predict import ConversationStream, PicturePredictor, PredictError, Prediction, open_predictor
from affectkit.predict.pretrained.load_classifier import is_classifier
from affectkit.share import TrainedRun, load_run, save_pretrained
from affectkit.tasks import CheckpointRecord, DialogueTextTask, PromptTuningTask
from affectkit.tasks.saved_folder import CARD, CONFIG, WEIGHTS, is_saved_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on texts of one step."""
    from lightning.pytorch import Trainer

    from affectkit.data import TextDataModule
    from affectkit.data.sources import find_source, make_dataset

    pytest.importorskip("transformers", reason="needs the extra 'text'")
    place = tmp_path_factory.mktemp("saved")
    rows = "words,label,part\n" + "".join(
        f"it is {label},{label},{part}\n" for label in ("joy", "anger") for part in ("train", "train", "test")
    )
    (place / "t.csv").write_text(rows)
    columns = {"text": "words", "label": "label", "split": "part", "label_space": "meld7.official"}
    make_dataset(find_source("csv"), place / "t.csv", out=place / "shards", options=columns)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        max_steps=1,
        limit_val_batches=0,
    )
    data = TextDataModule(str(place / "shards"), "tiny", max_length=16, batch_size=2)
    trainer.fit(DialogueTextTask("meld7.official", "tiny"), data)
    trainer.save_checkpoint(place / "run" / "checkpoints" / "best.ckpt")
    (place / "a.txt").write_text("oh no\nwhat a day it was, and how long\n")
    return place / "run"


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = load_run(run)
    return save_pretrained(found.task, tmp_path_factory.mktemp("shared") / "model", run=found)


def hub_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A hub whose every repository is the folder; what it was asked for."""
    hub: Any = pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    asked: list[tuple[str, ...]] = []

    def one(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(folder / name)

    def all_of(repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repository, *allow_patterns))
        return str(folder)

    monkeypatch.setattr(hub, "hf_hub_download", one)
    monkeypatch.setattr(hub, "snapshot_download", all_of)
    return asked


def test_the_folder_answers_as_the_run(run: Path, folder: Path) -> None:
    assert is_saved_folder(folder) and not is_classifier(str(folder)) and not is_saved_folder(run)
    rows = []
    for place in (run, folder):
        predictor = open_predictor(place, batch_size=2, device="cpu")
        rows.append(list(predictor.rows(predictor.find([run.parent / "a.txt"]))))
    assert len(rows[0]) == 2
    assert [row.logits for row in rows[0]] == [row.logits for row in rows[1]]
    assert [row.label for row in rows[0]] == [row.label for row in rows[1]]


@pytest.mark.parametrize("scaling", [TemperatureScaling(), VectorScaling(7)], ids=["temperature", "vector"])
def test_a_scaling_travels_along(run: Path, scaling: LogitScaling, tmp_path: Path) -> None:
    labels = label_space("meld7.official").labels
    home = shutil.copytree(run, tmp_path / "run")
    for place, parameter in enumerate(scaling.parameters(), start=1):
        torch.nn.init.constant_(parameter, 0.25 * place)
    save_scaling(home / "checkpoints" / "best.ckpt", scaling, labels=labels, rows=9)
    found = load_run(home)
    folder = save_pretrained(found.task, tmp_path / "model", run=found)

    def rows(place: Path, *, calibrated: bool = True) -> list[Prediction]:
        predictor = open_predictor(place, batch_size=2, device="cpu", calibrated=calibrated)
        return list(predictor.rows(predictor.find([run.parent / "a.txt"])))

    assert rows(folder) == rows(home) and rows(folder)[0].scaling != ""
    assert rows(folder, calibrated=False) == rows(run) != rows(folder)
    said = f"| scaling of logits | {rows(home)[0].scaling}, fitted on 9 rows of the validation split"
    assert said in (folder / CARD).read_text()
    assert (
        "| scaling of logits | none" in (save_pretrained(found.task, tmp_path / "alone") / CARD).read_text()
    )
    # What lies there from before was fitted for the weights that are overwritten.
    save_pretrained(found.task, folder)
    assert load_scaling(folder / WEIGHTS) is None


def test_another_configuration_is_another_model(folder: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(folder, tmp_path / "model")
    assert open_predictor(changed, device="cpu").identity == open_predictor(folder, device="cpu").identity
    config = json.loads((changed / CONFIG).read_text())
    config["affectkit"]["reading"]["options"]["max_length"] = 8
    (changed / CONFIG).write_text(json.dumps(config))
    assert open_predictor(changed, device="cpu").identity != open_predictor(folder, device="cpu").identity


def test_a_model_of_the_hub_is_its_folder_in_the_cache(
    run: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = hub_of(folder, monkeypatch)
    given = ["predict", str(run.parent / "a.txt"), "--device", "cpu", "--batch-size", "2"]
    assert main([*given, "--model", "hf:someone/model"]) == 0
    first = capsys.readouterr().out
    assert asked == [
        ("someone/model", CONFIG),
        ("someone/model", CONFIG, WEIGHTS, "model.scaling.safetensors", CARD),
    ]
    assert main([*given, "--model", str(folder)]) == 0
    assert capsys.readouterr().out == first and "what a day" in first
    opened = [open_predictor(place, device="cpu").identity for place in ("hf:someone/model", folder)]
    assert opened[0] == opened[1] != ""


def test_typical_finds_a_model_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = PromptTuningTask("meld7.official")
    name = f"{type(task).__module__}.{type(task).__qualname__}"
    record = CheckpointRecord("0", label_space=task.label_space, task=name, pictures=PictureView(32))
    folder = save_pretrained(
        task, tmp_path / "model", run=TrainedRun(task, record, tmp_path / "none.ckpt", "00", {})
    )
    hub_of(folder, monkeypatch)
    Image.new("RGB", (40, 40), (200, 10, 10)).save(tmp_path / "a.png")
    given = ["typical", "joy", str(tmp_path / "a.png"), "--device", "cpu", "--model"]
    assert main([*given, str(folder)]) == 0
    first = capsys.readouterr().out
    assert main([*given, "hf:someone/model"]) == 0
    assert capsys.readouterr().out == first and "a.png" in first
    (folder / CONFIG).write_text('{"model_type": "bert"}')
    with pytest.raises(PredictError, match=r"hf:someone/model is none of affectkit, or the hub does not"):
        PicturePredictor.from_checkpoint("hf:someone/model")


def test_what_is_not_whole_or_of_another_library_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / CONFIG).write_text(json.dumps({"model_type": "bert"}))
    assert is_classifier(str(other)) and not is_saved_folder(other)
    (other / CONFIG).write_text("{")
    assert not is_saved_folder(other)
    half = tmp_path / "half"
    half.mkdir()
    (half / CONFIG).write_bytes((folder / CONFIG).read_bytes())
    with pytest.raises(PredictError, match="is not whole"):
        open_predictor(half)
    with pytest.raises(PredictError, match="name one of a ConversationTask"):
        ConversationStream.from_checkpoint(folder)

"""A folder that was shared is exported as the run it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from affectkit.cli.main import main
from affectkit.data.loader import DataReading, PictureView, StreamSpec
from affectkit.share import ShareError, TrainedRun, export_run, load_run, read_export_note, save_pretrained
from affectkit.share.input_specs import input_specs
from affectkit.share.stated_data import stated_data
from affectkit.tasks import AffectTask, CheckpointRecord
from affectkit.tasks.saved_folder import WEIGHTS

Build: TypeAlias = Callable[[str], tuple[AffectTask, dict[str, Any], dict[str, Any]]]


def shared(run_folder: Path, folder: Path, reading: DataReading | None) -> Path:
    found = load_run(run_folder)
    record = replace(found.record, reading=reading)
    run = TrainedRun(found.task, record, found.checkpoint, found.digest, {})
    return save_pretrained(found.task, folder, run=run)


def test_a_shared_folder_is_exported_as_its_run(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared(run_folder, tmp_path / "model", DataReading("ConversationDataModule", {"encoders": {}}))
    given = ["export", str(folder), "--to", "torch-export", "--length", "3", "--out"]
    assert main([*given, str(tmp_path / "folder.pt2")]) == 0
    assert "reads:    text, float32 batch x 3 x 128" in capsys.readouterr().out
    note = read_export_note(tmp_path / "folder.pt2")
    assert note["checkpoint_sha256"] == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    report = export_run(run_folder, tmp_path / "run.pt2", length=3)
    same = {name: note[name] for name in ("inputs", "outputs", "label_space", "task", "data_module")}
    theirs = read_export_note(report.path)
    assert same == {name: theirs[name] for name in same}


def test_a_folder_that_does_not_say_how_it_reads_is_named(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared(run_folder, tmp_path / "model", None)
    given = ["export", str(folder), "--to", "torch-export", "--out", str(tmp_path / "a.pt2")]
    assert main(given) == 2
    said = capsys.readouterr().err
    assert f"beside {folder / WEIGHTS}" in said and "does not say itself how its data were read" in said
    with pytest.raises(ShareError, match="There is no checkpoint in"):
        export_run(tmp_path, tmp_path / "a.pt2")


def test_pictures_are_read_as_the_checkpoint_says(build: Build) -> None:
    task, _, _ = build("neurogaze_distill_tiny")

    def specs(view: PictureView, *, mixed: bool = False) -> list[tuple[str, str, tuple[int, ...]]]:
        record = CheckpointRecord("0", pictures=view)
        if mixed:
            reading = DataReading("ImageDataModule", view.to_plain()).to_plain()
            sources = {"other": None, "one": reading}
            record = CheckpointRecord("0", reading=DataReading("MixedDataModule", {"sources": sources}))
        stated = stated_data(record)
        assert stated is not None
        return [(spec.name, spec.dtype, spec.shape) for spec in input_specs(task, stated)]

    assert specs(PictureView(32)) == [("visual", "uint8", (3, 32, 32))]
    streams = (StreamSpec("face", "stretch", 0.1), StreamSpec("body", "stretch", 0.0))
    expected = [("body", "float32", (3, 48, 48)), ("face", "float32", (3, 48, 48))]
    assert specs(PictureView(48, streams, "clip")) == expected
    assert specs(PictureView(48, streams, "clip"), mixed=True) == expected
    with pytest.raises(ShareError, match="own size"):
        specs(PictureView())


def test_views_of_unknown_length_ask_for_one(build: Build) -> None:
    task, _, _ = build("pairwise_contrastive_tiny")
    options = {"encoders": {}, "kind": "item", "views": 2}
    stated = stated_data(CheckpointRecord("0", reading=DataReading("FeatureDataModule", options)))
    assert stated is not None
    shapes = {spec.name: spec.shape for spec in input_specs(task, stated, length=7)}
    assert all(shape[0] == 7 for shape in shapes.values()) and any(
        name.startswith("mask.") for name in shapes
    )
    with pytest.raises(ShareError, match=r"which it reads one by one: give a length, `affectkit export --le"):
        input_specs(task, stated)

"""From a run folder to its task."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from affectkit.share import ShareError, export_run, load_run, read_export_note
from affectkit.share.trained_run import build_task, task_class
from affectkit.tasks import AffectTask, CategoricalDimensionalTask, ConversationTask

Build: TypeAlias = Callable[[str], tuple[AffectTask, dict[str, Any], dict[str, Any]]]


def test_a_run_gives_its_task_and_data(run_folder: Path) -> None:
    found = load_run(run_folder.parent)
    assert isinstance(found.task, ConversationTask) and not found.task.training
    assert found.data["class_path"] == "affectkit.data.modules.ConversationDataModule"
    assert (
        found.checkpoint == (run_folder / "checkpoints" / "best.ckpt").resolve() and len(found.digest) == 64
    )


def test_a_run_is_exported_with_its_identity(run_folder: Path, tmp_path: Path) -> None:
    report = export_run(run_folder, tmp_path / "new" / "model.pt2", length=3)
    note = read_export_note(report.path)
    assert note["checkpoint_sha256"] == load_run(run_folder).digest
    assert {spec.name: spec.shape for spec in report.inputs}["speaker"] == (3,)


def test_parts_that_the_configuration_names_are_built_again(build: Build, tmp_path: Path) -> None:
    task, model, data = build("emotiontalk_attention_tiny")
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    with pytest.raises(ShareError, match=r"was given ready parts .* no config\.yaml"):
        load_run(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"model": model, "data": data}), encoding="utf-8")
    again = load_run(tmp_path)
    assert isinstance(again.task, CategoricalDimensionalTask)
    mine, theirs = task.state_dict(), again.task.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_what_is_no_run_is_named(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match="There is no checkpoint in"):
        load_run(tmp_path)
    (tmp_path / "last.ckpt").write_text("nothing")
    with pytest.raises(ShareError, match="cannot be read as a checkpoint"):
        load_run(tmp_path / "last.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(ShareError, match="is not one of affectkit"):
        load_run(tmp_path / "last.ckpt")
    shutil.copy(run_folder / "checkpoints" / "best.ckpt", tmp_path / "alone.ckpt")
    with pytest.raises(ShareError, match="No configuration with a data module lies beside"):
        _ = load_run(tmp_path / "alone.ckpt").data


def test_a_task_of_a_project_is_imported_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_share.py").write_text(
        "from affectkit.tasks import ConversationTask\nclass Mine(ConversationTask): ...\nOther = int\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert issubclass(task_class("mine_share.Mine", path=tmp_path), ConversationTask)
    with pytest.raises(ShareError, match="is no task"):
        task_class("mine_share.Other", path=tmp_path)
    with pytest.raises(ShareError, match="cannot be imported here"):
        task_class("no_such_project.Task", path=tmp_path)


def test_a_configuration_that_builds_nothing_is_named() -> None:
    with pytest.raises(ShareError, match=r"affectkit\.tasks\.AudioTask cannot be built"):
        build_task({"class_path": "affectkit.tasks.AudioTask", "init_args": {"no_such": 1}})
    with pytest.raises(ShareError, match="is no task of affectkit"):
        build_task({"class_path": "lightning.pytorch.LightningModule", "init_args": {}})

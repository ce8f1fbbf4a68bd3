"""Models that sort people by sensitive attributes are neither run on files nor handed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch import Trainer

from affectkit.labels import LabelSpace
from affectkit.predict import PredictError
from affectkit.predict.loaded_task import load_task
from affectkit.share import ShareError, export_task, save_pretrained
from affectkit.tasks import AudienceTask, ConversationTask
from affectkit.tasks.sensitive_outputs import sensitive_outputs


def sorting_task() -> ConversationTask:
    task = ConversationTask("meld7.official", {"text": 4}, hidden_dim=4)
    task.label_space = LabelSpace("mine2.v1", ("male", "female"))
    return task


def test_what_is_predicted_counts_and_what_is_read_does_not() -> None:
    assert sensitive_outputs(sorting_task()) == ["gender"]
    further = ConversationTask("meld7.official", {"text": 4}, hidden_dim=4, auxiliary={"age": 3})
    assert sensitive_outputs(further) == ["age"]
    assert sensitive_outputs(AudienceTask({"religion": 2}, {"text": 4}, components=2)) == ["religion"]
    groups = {"gender": ["all", "male", "female"]}
    read = AudienceTask({"engagement": 3}, {"text": 4}, vocabulary=groups, total="all", components=2)
    assert sensitive_outputs(read) == []


def test_it_is_not_handed_on(tmp_path: Path) -> None:
    task = sorting_task()
    with pytest.raises(ShareError, match="predicts gender, and affectkit does not save"):
        save_pretrained(task, tmp_path / "hub")
    with pytest.raises(ShareError, match="predicts gender, and affectkit does not export"):
        export_task(task, tmp_path / "model.pt2", data={})
    assert list(tmp_path.iterdir()) == []


def test_it_is_not_run_on_files(tmp_path: Path) -> None:
    task = ConversationTask("meld7.official", {"text": 4}, hidden_dim=4, auxiliary={"age": 3})
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(PredictError, match=r"last\.ckpt predicts age, and affectkit sorts nobody"):
        load_task(tmp_path / "last.ckpt")

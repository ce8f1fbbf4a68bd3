"""Which checkpoint is taken, and which are refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from affectkit.predict import PredictError, find_checkpoint, load_trained
from affectkit.tasks import AudioTask, PromptTuningTask


class MyTask(PromptTuningTask):
    """A task of a user."""


def touched(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder


def changed(trained: Any, path: Path, **record: object) -> Path:
    stored = torch.load(trained.run / "checkpoints" / "best.ckpt", weights_only=True)
    stored["affectkit"] |= record
    torch.save(stored, path)
    return path


def test_the_best_checkpoint_is_taken(tmp_path: Path) -> None:
    both = touched(tmp_path / "a" / "checkpoints", "best.ckpt", "last.ckpt")
    assert find_checkpoint(tmp_path / "a") == both / "best.ckpt" == find_checkpoint(both)
    last = touched(tmp_path / "b" / "checkpoints", "last.ckpt")
    assert find_checkpoint(tmp_path / "b") == last / "last.ckpt"
    (tmp_path / "latest").symlink_to("b")
    assert find_checkpoint(tmp_path) == last / "last.ckpt"
    assert find_checkpoint(both / "last.ckpt") == both / "last.ckpt"


def test_a_model_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(PredictError, match=r"There is no run folder or checkpoint .*nowhere"):
        find_checkpoint(tmp_path / "nowhere")
    with pytest.raises(PredictError, match=r"holds no checkpoint \(no checkpoints/best\.ckpt"):
        find_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04 half a zip"])
def test_a_file_that_is_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(PredictError, match="cannot be read as a checkpoint"):
        load_trained(tmp_path / "x.ckpt")


def test_a_checkpoint_of_others(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "x.ckpt")
    with pytest.raises(PredictError, match="is not one of affectkit"):
        load_trained(tmp_path / "x.ckpt")


def test_a_task_that_read_something_else(trained: Any, tmp_path: Path) -> None:
    path = changed(trained, tmp_path / "x.ckpt", pictures=None, task="affectkit.tasks.ConversationTask")
    with pytest.raises(PredictError, match="of ConversationTask was not trained on pictures"):
        load_trained(path)


def test_a_task_of_your_own_is_given_and_never_imported(trained: Any, tmp_path: Path) -> None:
    path = changed(trained, tmp_path / "x.ckpt", task="mine.MyTask")
    with pytest.raises(PredictError, match=r"made by mine\.MyTask.*--task mine\.MyTask"):
        load_trained(path)
    assert isinstance(load_trained(path, task=MyTask).task, MyTask)


def test_the_digest_is_that_of_the_file(trained: Any, tmp_path: Path) -> None:
    first = load_trained(trained.run)
    again = load_trained(trained.run / "checkpoints" / "best.ckpt")
    other = load_trained(changed(trained, tmp_path / "x.ckpt", version="9"))
    assert first.digest == again.digest != other.digest
    assert first.checkpoint == (trained.run / "checkpoints" / "best.ckpt").resolve()


def test_values_can_be_changed(trained: Any) -> None:
    task = load_trained(trained.run, class_names=["a", "b", "c", "d", "e", "f", "g"]).task
    assert task.hparams["class_names"] == ["a", "b", "c", "d", "e", "f", "g"]


def test_an_option_that_the_task_has_not(trained: Any) -> None:
    with pytest.raises(
        PredictError, match=r"^PromptTuningTask has no option 'weight_decai': write weight_decay\.$"
    ):
        load_trained(trained.run, weight_decai=1)
    with pytest.raises(PredictError, match=r"has no option 'zzz': give one of .*\bseed\b"):
        load_trained(trained.run, zzz=1)
    with pytest.raises(PredictError, match="MyTask has no option 'sed': write seed"):
        load_trained(trained.run, task=MyTask, sed=1)


def test_another_class_than_that_of_the_checkpoint(trained: Any, tmp_path: Path) -> None:
    with pytest.raises(PredictError, match=r"made by PromptTuningTask and not by AudioTask: leave the task"):
        load_trained(trained.run, task=AudioTask)
    mine = changed(trained, tmp_path / "x.ckpt", task="mine.MyTask")
    with pytest.raises(
        PredictError, match=r"made by mine\.MyTask and cannot be loaded as .*AudioTask \(.+\)"
    ):
        load_trained(mine, task=AudioTask)

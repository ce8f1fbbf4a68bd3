from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

import affectkit
from affectkit.conversation import BcLSTM
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.encoders import ProjectionEncoder
from affectkit.fusion import ConcatFusion
from affectkit.heads import ClassificationHead
from affectkit.labels import LabelSpaceMismatchError
from affectkit.losses import ClassificationLoss
from affectkit.tasks import AffectTask, CheckpointRecord, ConversationTask, MissingPartError

INPUTS = {"text": 6, "audio": 3}

FRESH_PROCESS = """
import sys
import torch
from affectkit.tasks import ConversationTask
path, expected = sys.argv[1:]
stored = torch.load(path, weights_only=True)
task = ConversationTask.load_from_checkpoint(path)
assert task.hparams["hidden_dim"] == 4 and task.seed == 9, dict(task.hparams)
weights = task.state_dict()
assert set(weights) == set(stored["state_dict"])
assert all(torch.equal(weights[name], value) for name, value in stored["state_dict"].items())
print(sorted(stored["affectkit"].items()))
"""


def _saved(task: ConversationTask, root: str, path: Path) -> Path:
    trainer = Trainer(
        accelerator="cpu",
        max_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
    )
    trainer.fit(task, ConversationDataModule(root, batch_size=4))
    trainer.save_checkpoint(path)
    return path


@pytest.fixture(scope="module")
def plain_checkpoint(conversations: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=4, class_weights="balanced", seed=9)
    return _saved(task, conversations, tmp_path_factory.mktemp("plain") / "task.ckpt")


def test_plain_task_reloads_without_arguments_in_a_fresh_process(plain_checkpoint: Path) -> None:
    command = [sys.executable, "-c", FRESH_PROCESS, str(plain_checkpoint), affectkit.__version__]
    done = subprocess.run(command, capture_output=True, text=True, cwd=plain_checkpoint.parent)
    assert done.returncode == 0, done.stderr
    assert f"('version', '{affectkit.__version__}')" in done.stdout
    assert "('injected', [])" in done.stdout
    assert "'name': 'meld7.official'" in done.stdout


def test_missing_part_is_named(conversations: str, tmp_path: Path) -> None:
    task = ConversationTask(
        "meld7.official",
        INPUTS,
        hidden_dim=4,
        head=ClassificationHead(8, 7, hidden_dim=5),
        loss=ClassificationLoss(7),
    )
    path = _saved(task, conversations, tmp_path / "task.ckpt")
    with pytest.raises(
        MissingPartError, match=r"ready parts \(head, loss\), and head, loss is missing.*head=\.\.\."
    ):
        ConversationTask.load_from_checkpoint(path)
    loaded = ConversationTask.load_from_checkpoint(
        path, head=ClassificationHead(8, 7, hidden_dim=5), loss=ClassificationLoss(7)
    )
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in task.state_dict().items())
    # A trainer that resumes builds the task itself: the same error, before weights of another shape.
    plain = ConversationTask("meld7.official", INPUTS, hidden_dim=4)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_steps=2)
    with pytest.raises(MissingPartError, match="head, loss is missing"):
        trainer.fit(
            plain, ConversationDataModule(conversations, batch_size=4), ckpt_path=str(path), weights_only=True
        )


def test_other_label_order_prints_both(plain_checkpoint: Path) -> None:
    with pytest.raises(LabelSpaceMismatchError) as error:
        ConversationTask.load_from_checkpoint(plain_checkpoint, label_space="meld7.merbench")
    assert "0 neutral, 1 surprise" in str(error.value)
    assert "0 anger, 1 joy" in str(error.value)


class _Scaled(ConversationTask):
    """A user's task: its own constructor value, a part it makes itself, everything else passed on."""

    def __init__(self, scale: float, label_space: str, inputs: dict[str, int]) -> None:
        super().__init__(label_space, inputs, hidden_dim=4, context_model=BcLSTM(4, 3), fusion=_sum(inputs))
        self.scale = scale


def _sum(inputs: dict[str, int]) -> ConcatFusion:
    return ConcatFusion(dict.fromkeys(inputs, 4), out_dim=4)


def test_subclass_reloads_with_its_own_values(conversations: str, tmp_path: Path) -> None:
    path = _saved(_Scaled(0.5, "meld7.official", INPUTS), conversations, tmp_path / "task.ckpt")
    # The part was made by the subclass, so nobody has to give it again.
    loaded = _Scaled.load_from_checkpoint(path)
    assert loaded.scale == 0.5
    assert isinstance(loaded.context, BcLSTM) and loaded.context.out_dim == 3


def test_bare_task_names_every_part(conversations: str, tmp_path: Path) -> None:
    task = AffectTask(
        {"text": ProjectionEncoder(6, 4)},
        fusion=ConcatFusion({"text": 4}),
        head=ClassificationHead(4, 7),
        loss=ClassificationLoss(7),
        label_space="meld7.official",
        seed=4,
    )
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_steps=1)
    trainer.fit(task, ConversationDataModule(conversations, batch_size=4, modalities=["text"]))
    trainer.save_checkpoint(tmp_path / "task.ckpt")
    with pytest.raises(MissingPartError, match="encoders, fusion, head, loss is missing"):
        AffectTask.load_from_checkpoint(tmp_path / "task.ckpt")
    loaded = AffectTask.load_from_checkpoint(
        tmp_path / "task.ckpt",
        encoders={"text": ProjectionEncoder(6, 4)},
        fusion=ConcatFusion({"text": 4}),
        head=ClassificationHead(4, 7),
        loss=ClassificationLoss(7),
    )
    assert loaded.seed == 4
    assert loaded.label_space is not None and loaded.label_space.name == "meld7.official"


def test_unloadable_state_is_refused_when_it_is_saved() -> None:
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=4)
    checkpoint: dict[str, object] = {
        "hyper_parameters": {"path": Path("x"), "lr": 1.0},
        "datamodule_hyper_parameters": {"collate": nn.Identity()},
        "callbacks": {"mine": {"score": [Path("x")]}},
    }
    with pytest.raises(TypeError, match=r"callbacks\.mine\.score\[0\] \(pathlib"):
        task.on_save_checkpoint(checkpoint)
    assert checkpoint["hyper_parameters"] == {"lr": 1.0}
    assert checkpoint["datamodule_hyper_parameters"] == {}


def test_foreign_checkpoint_has_no_record() -> None:
    assert CheckpointRecord.of({"state_dict": {}}) is None
    record = CheckpointRecord("1", ("head",), None, (2.0, 3.0))
    assert CheckpointRecord.of({"affectkit": record.to_plain()}) == record


def test_a_part_that_is_no_module_is_refused() -> None:
    class Lambda:
        def forward(self, batch: AffectBatch) -> None: ...

    with pytest.raises(TypeError, match="got Lambda as head: give an nn"):
        ConversationTask("meld7.official", INPUTS, head=Lambda())  # type: ignore[arg-type]

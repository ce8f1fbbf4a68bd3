"""Masked rows in training and evaluation: counted over ranks, limited, and without influence."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Protocol

import pytest
import torch
from lightning.pytorch import Trainer

from affectkit.callbacks import AppendingCSVLogger, ResultsWriter, read_log
from affectkit.data import AffectBatch, ConversationDataModule
from affectkit.data.loader import DamagedRows, DamagedSampleWarning, DamageError
from affectkit.data.shards import read_manifest
from affectkit.data.shards.shard_index import open_index
from affectkit.tasks import ConversationTask
from affectkit.tasks.damage_count import DamageCount


class Forked(Protocol):
    """The fixture of conftest.py."""

    def __call__(self, function: object, *arguments: object, ranks: int = 1) -> list[int | None]: ...


@pytest.fixture
def damaged(conversations: str, tmp_path: Path) -> Path:
    """The conversations, with the features of two of each split unreadable."""
    root = tmp_path / "damaged"
    shutil.copytree(conversations, root)
    for entry in read_manifest(root).shards:
        index = open_index(root / entry.index_name)
        tar = bytearray((root / entry.name).read_bytes())
        for sample in range(len(index)):
            for member in index.members(sample):
                if index.key(sample).endswith(("-01", "-02")) and member.ext == "safetensors":
                    tar[member.offset : member.offset + member.size] = b"\xff" * member.size
        (root / entry.name).write_bytes(bytes(tar))
    return root


def run(root: str, folder: Path, allowed: int) -> None:
    """Train an epoch and test; the rank writes what it logged, or the error."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    rank = os.environ.get("RANK", "0")
    data = ConversationDataModule(root, batch_size=4, damage="mask", max_damaged=allowed)
    task = ConversationTask("meld7.official", {"text": 6, "audio": 3}, hidden_dim=4, seed=1)
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        max_epochs=1,
        num_sanity_val_steps=0,
        logger=AppendingCSVLogger(folder),
        callbacks=[ResultsWriter(folder)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedSampleWarning)
        try:
            trainer.fit(task, data)
            trainer.test(task, data, verbose=False)
        except DamageError as error:
            (folder / f"error{rank}").write_text(str(error))


@pytest.mark.distributed
def test_the_count_is_that_of_all_ranks_and_in_the_results(
    damaged: Path, forked: Forked, tmp_path: Path
) -> None:
    for ranks in (1, 2):
        folder = tmp_path / f"ranks{ranks}"
        folder.mkdir()
        assert forked(run, str(damaged), folder, 2, ranks=ranks) == [0] * ranks
        assert not list(folder.glob("error*"))
        found = {row.key: row.value for row in read_log(folder) if row.key.endswith("/damaged")}
        assert found["val/damaged"] == found["test/damaged"] == 2
        # one of 13 samples is left out of an epoch of three batches of four
        assert found["train/damaged"] in (1, 2)
        results = json.loads((folder / "metrics.json").read_text())
        assert results["metrics"]["test/damaged"] == 2


@pytest.mark.distributed
def test_all_ranks_stop_where_together_they_masked_too_much(
    damaged: Path, forked: Forked, tmp_path: Path
) -> None:
    """One of the validation's two lies on each rank, so no rank alone has too many."""
    assert forked(run, str(damaged), tmp_path, 1, ranks=2) == [0, 0]
    for rank in range(2):
        assert "max_damaged allows 1" in (tmp_path / f"error{rank}").read_text()


def test_masked_rows_change_no_metric_and_no_gradient(damaged: Path, conversations: str) -> None:
    """A batch with damage gives what the same batch without those rows gives."""
    task = ConversationTask("meld7.official", {"text": 6, "audio": 3}, hidden_dim=4, seed=1)
    task.eval()
    data = ConversationDataModule(str(damaged), batch_size=5, damage="mask", max_damaged=2)
    whole = ConversationDataModule(conversations, batch_size=5)
    with pytest.warns(DamagedSampleWarning):
        (masked,) = list(data.val_dataloader())
    (sound,) = list(whole.val_dataloader())
    assert isinstance(masked, AffectBatch) and isinstance(sound, AffectBatch)
    bad = torch.tensor([key.endswith(("-01", "-02")) for key in sound.keys])
    assert sound.target.weight is not None
    sound.target.weight[bad] = 0
    results = []
    for batch in (masked, sound):
        task.zero_grad()
        terms = task.compute_loss(batch, task(batch))
        torch.autograd.backward(terms.total)
        gradients = [p.grad.clone() for p in task.parameters() if p.grad is not None]
        task.val_metrics.reset()
        task.update_metrics(task.val_metrics, batch, task(batch))
        results.append((terms.total.detach(), gradients, task.val_metrics.compute()))
    (one, first, scores), (two, second, others) = results
    torch.testing.assert_close(one, two)
    assert all(gradient.isfinite().all() for gradient in first)
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(scores, others)


def test_limits_of_several_sources_add_up() -> None:
    metric = DamageCount()
    for source, limit in (("a", 1), ("b", 2), ("a", 1)):
        batch = AffectBatch(inputs={}, valid=torch.ones(1, dtype=torch.bool))
        batch.meta.update(source=source, damaged=DamagedRows(1, limit, {"k": "cut"}))
        metric.update(batch)
    metric.check()
    batch.meta["damaged"] = DamagedRows(1, 1, {"k": "cut"})
    metric.update(batch)
    with pytest.raises(DamageError, match=r"4 rows .* allows 3 \(cut\)"):
        metric.check()
    metric.reset()
    metric.check()

"""Checkpoints of released versions load in every later one, and answer as they did.

Each file was written by two steps of `affectkit fit` on made-up data, with the version in its name
(`.ci/keep_checkpoint.py`); the arrays beside it are a batch and what the model said of it then.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import affectkit
from affectkit.data import AffectBatch
from affectkit.tasks import AffectTask, CheckpointRecord, ConversationTask

FIXTURES = Path(__file__).parent / "fixtures"
TASKS: dict[str, type[AffectTask]] = {"erc_curriculum_tiny": ConversationTask}
KEPT = sorted(path.stem for path in FIXTURES.glob("*.ckpt"))


def arrays(name: str) -> dict[str, Tensor]:
    with np.load(FIXTURES / f"{name}.npz", allow_pickle=False) as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def batch_of(stored: dict[str, Tensor]) -> AffectBatch:
    named = {key.removeprefix("input."): value for key, value in stored.items() if key.startswith("input.")}
    speaker = named.pop("speaker", None)
    masks = {key.removeprefix("mask."): value for key, value in named.items() if key.startswith("mask.")}
    return AffectBatch(
        inputs={key: value for key, value in named.items() if not key.startswith("mask.")},
        masks=masks,
        speaker=speaker,
        valid=torch.ones(len(stored["logits"]), dtype=torch.bool),
    )


def test_every_version_has_its_files() -> None:
    versions = {name.rpartition("-")[2] for name in KEPT}
    # Before a release: `python .ci/keep_checkpoint.py`.
    assert {"0.1.0", affectkit.__version__} <= versions
    assert sorted(f"{task}-{version}" for task in TASKS for version in versions) == KEPT
    assert sorted(path.stem for path in FIXTURES.glob("*.npz")) == KEPT


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_checkpoint_answers_as_it_did(name: str) -> None:
    path = FIXTURES / f"{name}.ckpt"
    assert path.stat().st_size < 200_000
    stored = arrays(name)
    load: Callable[..., AffectTask] = TASKS[name.rpartition("-")[0]].load_from_checkpoint
    task = load(path).eval()
    with torch.no_grad():
        logits: Tensor | None = task(batch_of(stored)).logits
    assert logits is not None
    torch.testing.assert_close(logits, stored["logits"], atol=1e-5, rtol=1e-5)
    record = CheckpointRecord.peek(path)
    assert record is not None and record.version == name.rpartition("-")[2]
    assert record.label_space is not None and record.label_space.name == "meld7.official"

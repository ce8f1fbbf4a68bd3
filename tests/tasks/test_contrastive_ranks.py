"""Label-free contrast over ranks: candidates are the global batch, wherever its rows lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor

from affectkit.data.modules import FeatureDataModule
from affectkit.data.synthetic import SEQUENCE_WIDTHS, write_synthetic_sequences
from affectkit.tasks import ContrastiveStage, ContrastiveTask


class _Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


def _train(root: str, out: str, stage: ContrastiveStage, ranks: int) -> None:
    torch.manual_seed(0)
    task = ContrastiveTask(
        "ravdess8.official",
        dict(SEQUENCE_WIDTHS),
        stage=stage,
        channels=[4],
        feature_dim=4,
        hidden_dim=5,
        projection_dim=3,
        lr=0.1,
    )
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy=DDPStrategy(process_group_backend="gloo") if ranks > 1 else SingleDeviceStrategy("cpu"),
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    # 14 rows in validation: ranks of unequal shares
    steps = dict.fromkeys(SEQUENCE_WIDTHS, 8)
    data = FeatureDataModule(root, views=2, view_steps=steps, batch_size=8)
    trainer.fit(task, data)
    if trainer.is_global_zero:
        found = {**task.state_dict(), "val/loss": trainer.callback_metrics["val/loss"]}
        torch.save(found, Path(out) / f"{stage}{ranks}.pt")


@pytest.mark.distributed
@pytest.mark.parametrize("stage", ["online", "encoders"])
def test_two_ranks_train_what_one_trains(stage: ContrastiveStage, forked: _Forked, tmp_path: Path) -> None:
    root = str(tmp_path / "shards")
    write_synthetic_sequences(root, train=16, val=14, test=2, missing=0.3)
    for ranks in (1, 2):
        assert set(forked(_train, root, str(tmp_path), stage, ranks, ranks=ranks)) == {0}
    one, two = (torch.load(tmp_path / f"{stage}{ranks}.pt", weights_only=True) for ranks in (1, 2))
    expected: dict[str, Tensor] = one
    for name, value in expected.items():
        torch.testing.assert_close(two[name], value, atol=2e-6, rtol=1e-5, msg=name)

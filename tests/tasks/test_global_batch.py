"""Ranks x accumulated batches: the gradient of ragged parts is that of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset

from affectkit.callbacks import AppendingCSVLogger, read_log
from affectkit.conversation import BcLSTM
from affectkit.data.batch import AffectBatch
from affectkit.encoders import ProjectionEncoder
from affectkit.fusion import GatedFusion
from affectkit.heads import ClassificationHead, DimensionalHead, MultiHead
from affectkit.losses import ClassificationLoss, MSELoss, WeightedSum
from affectkit.tasks import AffectTask
from affectkit.types import Target

# Conversations of each optimizer step; the second one is a ragged last window with accumulation.
STEPS = ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10])
# How each step's conversations are divided: [batch][rank] -> conversations.
LAYOUTS: dict[str, list[list[list[list[int]]]]] = {
    "1x1": [[[[*STEPS[0]]]], [[[*STEPS[1]]]]],
    "1x2": [[[[0, 1, 2, 3, 4, 5]], [[6, 7]]], [[[*STEPS[1]]]]],
    "2x1": [[[[0], [1, 2, 3, 4, 5, 6, 7]]], [[[8, 9], [10]]]],
    "2x2": [[[[0], [1, 2, 3]], [[4, 5, 6], [7]]], [[[8], [9, 10]]]],
}


class _Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


class _PlainSGD:
    needs_total_steps = False

    def __call__(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, total_steps: int
    ) -> tuple[Optimizer, LRScheduler | None]:
        return SGD([parameter for _, parameter in parameters], lr=0.5), None


class _Conversations:
    """Collates any conversations by number; some have no label, no valence, or no audio."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        self.lengths = [1, 5, 2, 7, 3, 1, 4, 6, 2, 5, 1]
        size, longest = len(self.lengths), max(self.lengths)
        self.text = torch.randn(size, longest, 6, generator=generator, dtype=torch.float64)
        self.audio = torch.randn(size, longest, 3, generator=generator, dtype=torch.float64)
        self.present = torch.rand(size, longest, generator=generator) > 0.4
        self.label = torch.randint(5, (size, longest), generator=generator)
        self.label[torch.rand(size, longest, generator=generator) > 0.7] = -100
        # A whole rank without a single label.
        self.label[0] = -100
        self.dims = torch.randn(size, longest, 2, generator=generator, dtype=torch.float64)
        self.dims[torch.rand(size, longest, 2, generator=generator) > 0.5] = float("nan")

    def batch(self, numbers: list[int]) -> AffectBatch:
        width = max(self.lengths[number] for number in numbers)
        lengths = torch.tensor([self.lengths[number] for number in numbers])
        mask = torch.arange(width) < lengths.unsqueeze(1)
        return AffectBatch(
            inputs={"text": self.text[numbers, :width], "audio": self.audio[numbers, :width]},
            valid=torch.ones(len(numbers), dtype=torch.bool),
            masks={"utterance": mask},
            present={"audio": self.present[numbers, :width] & mask, "text": mask},
            target=Target(
                label=self.label[numbers, :width].masked_fill(~mask, -100),
                dims=self.dims[numbers, :width].masked_fill(~mask.unsqueeze(2), float("nan")),
                weight=mask.double(),
            ),
            speaker=torch.where(mask, torch.arange(width) % 2, -1),
            keys=[str(number) for number in numbers],
        )


class _Batches(Dataset[AffectBatch]):
    def __init__(self, batches: list[AffectBatch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, place: int) -> AffectBatch:
        return self.batches[place]


def _task() -> AffectTask:
    torch.manual_seed(0)
    head = MultiHead(
        ClassificationHead(8, 5),
        # Nothing optimises the last one: without an anchor, distributed training would stop.
        {"va": DimensionalHead(8, 2), "unused": ClassificationHead(8, 3)},
    )
    loss = WeightedSum(
        {
            "emotion": ClassificationLoss(5, class_weight=[0.2, 3.0, 1.0, 0.5, 2.0], gamma=1.5),
            "va": MSELoss(),
        },
        {"va": 0.7},
    )
    task = AffectTask(
        {"text": ProjectionEncoder(6, 8), "audio": ProjectionEncoder(3, 8)},
        fusion=GatedFusion({"text": 8, "audio": 8}, 8),
        context=BcLSTM(8, 4, context="both"),
        head=head,
        loss=loss,
        optimizer=_PlainSGD(),
    )
    return task.double()


def _train(layout: str, folder: str, clip: float | None) -> None:
    parts = LAYOUTS[layout]
    ranks, accumulate = (int(number) for number in layout.split("x"))
    strategy = DDPStrategy(process_group_backend="gloo") if ranks > 1 else SingleDeviceStrategy("cpu")
    task = _task()
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy=strategy,
        max_epochs=1,
        accumulate_grad_batches=accumulate,
        gradient_clip_val=clip,
        logger=AppendingCSVLogger(folder),
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    data = _Conversations()
    batches = [data.batch(batch[trainer.global_rank]) for step in parts for batch in step]
    trainer.fit(task, DataLoader(_Batches(batches), batch_size=None))
    if trainer.is_global_zero:
        torch.save(task.state_dict(), Path(folder) / "weights.pt")


def _result(folder: Path) -> tuple[dict[str, Tensor], dict[tuple[str, int | None], float]]:
    weights: dict[str, Tensor] = torch.load(folder / "weights.pt", weights_only=True)
    return weights, {(row.key, row.step): row.value for row in read_log(folder)}


@pytest.mark.distributed
def test_gradients_and_logged_losses_do_not_depend_on_ranks_or_accumulation(
    forked: _Forked, tmp_path: Path
) -> None:
    clip = 0.05  # far below the norm: the division must come before the clipping
    for layout in LAYOUTS:
        folder = tmp_path / layout
        folder.mkdir()
        assert set(forked(_train, layout, str(folder), clip, ranks=int(layout[0]))) == {0}
    expected, log = _result(tmp_path / "1x1")
    start = _task().state_dict()
    assert any(bool((expected[name] != start[name]).any()) for name in expected)
    assert {key for key, _ in log} >= {"train/loss", "train/loss_step", "train/loss_emotion_step"}
    for layout in ("1x2", "2x1", "2x2"):
        weights, other = _result(tmp_path / layout)
        for name, value in expected.items():
            torch.testing.assert_close(weights[name], value, atol=1e-10, rtol=0)
        assert other.keys() == log.keys()
        for place, mean in log.items():
            assert other[place] == pytest.approx(mean, abs=1e-10), place


def test_logged_loss_is_the_mean_over_rows(tmp_path: Path) -> None:
    _train("1x1", str(tmp_path), None)
    _, log = _result(tmp_path)
    task, data = _task(), _Conversations()
    first, second = (data.batch(step) for step in STEPS)
    before = task.compute_loss(first, task(first))
    assert log["train/loss_step", 0] == pytest.approx(before.total.item(), abs=1e-12)
    rows = [float(batch.masks["utterance"].sum()) for batch in (first, second)]
    mean = (rows[0] * log["train/loss_step", 0] + rows[1] * log["train/loss_step", 1]) / sum(rows)
    assert log["train/loss", 1] == pytest.approx(mean, abs=1e-12)


def test_one_step_is_torchs_step_on_the_mean_loss(tmp_path: Path) -> None:
    naive, data = _task(), _Conversations()
    optimizer = SGD(naive.parameters(), lr=0.5)
    for step in STEPS:
        batch = data.batch(step)
        optimizer.zero_grad()
        torch.autograd.backward(naive.compute_loss(batch, naive(batch)).total)
        optimizer.step()
    _train("1x1", str(tmp_path), None)
    weights, _ = _result(tmp_path)
    for name, value in naive.state_dict().items():
        torch.testing.assert_close(weights[name], value, atol=1e-12, rtol=0)

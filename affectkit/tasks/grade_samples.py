"""Going through the training split to measure how hard its samples are for the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ShardDataModule
from affectkit.distributed import all_reduce_sum
from affectkit.functional import ClassSums
from affectkit.types import IGNORE_LABEL

if TYPE_CHECKING:
    from affectkit.tasks.affect_task import AffectTask

#: Decimals kept, so that the rounding of another number of ranks does not turn an order round.
_DECIMALS = 6


class _Rows(NamedTuple):
    """Labelled rows of this rank's samples: embeddings, labels, and positions of the samples."""

    embedding: Tensor
    label: Tensor
    position: Tensor


def grade_samples(task: AffectTask, data: ShardDataModule[Any]) -> None:
    """Measure the difficulties of the present epoch, unless that was done or nobody asked.

    The model is as in evaluation: no dropout, nothing is trained, no random number is drawn. All ranks
    share the samples and end with the same numbers.

    Args:
        task: The model in training.
        data: Its data module, which takes the numbers.

    Raises:
        ValueError: If the task has no label space, or gives no embedding or has no labels to compare.
    """
    rule = data.model_difficulty
    if rule is None or data.graded_epoch == task.current_epoch:
        return
    if task.label_space is None:
        raise ValueError(
            f"{type(task).__name__} has no label space, and {type(rule).__name__} measures distances to "
            "classes: give the task a label space, or choose a difficulty of the data."
        )
    with _as_in_evaluation(task):
        rows = _embedded(task, data)
    local = rule.sums(rows.embedding, rows.label, num_classes=len(task.label_space))
    device = task.device
    sums = ClassSums(*(all_reduce_sum(part.to(device)).cpu() for part in local))
    hard = rule.of_rows(rows.embedding, rows.label, sums)
    size = len(data.store("train"))
    total = torch.zeros(size, dtype=torch.float64).index_add_(0, rows.position, hard.double())
    count = torch.bincount(rows.position, minlength=size).double()
    # Each sample is on one rank, so these sums add zeros alone and are exact.
    total, count = (all_reduce_sum(part.to(device)).cpu() for part in (total, count))
    # 0 / 0 is NaN, which the data module takes for the hardest.
    data.grade((total / count).round(decimals=_DECIMALS).tolist(), epoch=task.current_epoch)


@contextmanager
def _as_in_evaluation(task: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in task.modules()]
    task.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        # Part by part: a frozen part may stay in evaluation while the rest is trained.
        for module, training in modes:
            module.training = training


def _embedded(task: AffectTask, data: ShardDataModule[Any]) -> _Rows:
    embeddings: list[Tensor] = []
    labels: list[Tensor] = []
    positions: list[Tensor] = []
    for batch in data.examples_dataloader("train"):
        here: AffectBatch = batch.to(task.device)
        with task.trainer.precision_plugin.forward_context():
            found = task(here)
        embedding: Tensor | None = found.embedding
        label = here.target.label
        if embedding is None or label is None or embedding.shape[:-1] != label.shape:
            missing = "embedding" if embedding is None else "label" if label is None else "embedding a label"
            raise ValueError(
                f"A difficulty that the model measures needs an embedding for each label, and the batches of "
                f"{type(task).__name__} have no {missing}: choose a head that gives one, or a difficulty of "
                "the data."
            )
        counted = (label != IGNORE_LABEL) & here.valid.reshape(-1, *[1] * (label.ndim - 1))
        if here.target.weight is not None:
            counted &= here.target.weight > 0
        place = torch.tensor(cast("list[int]", batch.meta["positions"])).to(label.device)
        embeddings.append(embedding[counted].float().cpu())
        labels.append(label[counted].cpu())
        positions.append(place.reshape(-1, *[1] * (label.ndim - 1)).expand_as(label)[counted].cpu())
    return _Rows(torch.cat(embeddings), torch.cat(labels), torch.cat(positions))

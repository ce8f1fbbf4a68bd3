"""Difficulties that the model measures: before each epoch, on any ranks, and after a resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from affectkit.callbacks import CurriculumRecorder, read_curriculum, read_graded, read_shown
from affectkit.curriculum import CentreDistanceDifficulty, DrawnCurriculum, HclDifficulty
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule, MixedDataModule
from affectkit.functional import class_sums, relative_centre_distance
from affectkit.report import build_report
from affectkit.tasks import ConversationTask
from affectkit.tasks.grade_samples import grade_samples
from affectkit.types import AffectOutput, Encoding


class Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


def data(root: str, *, epochs: int = 3, batch_size: int = 4) -> ConversationDataModule:
    curriculum = DrawnCurriculum(CentreDistanceDifficulty(), epochs=epochs)
    return ConversationDataModule(root, modalities=["text"], batch_size=batch_size, curriculum=curriculum)


def task(**options: object) -> ConversationTask:
    torch.manual_seed(3)
    return ConversationTask("meld7.official", {"text": 6}, hidden_dim=8, lr=0.05, **options)  # type: ignore[arg-type]


class Watch(Callback):
    """Keeps the keys of each batch, and saves after a step."""

    def __init__(self, path: Path | None = None, step: int = -1) -> None:
        self.seen: list[list[str]] = []
        self.path, self.step = path, step

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: AffectBatch, batch_idx: int
    ) -> None:
        assert pl_module.training
        self.seen.append(list(batch.keys))

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        if self.path is not None and trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


def trainer(folder: Path, *callbacks: Callback, epochs: int = 4) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=folder,
        callbacks=[CurriculumRecorder(folder), *callbacks],
    )


def naive(model: ConversationTask, root: str) -> dict[str, float]:
    """Mean relative distance of the labelled utterances of each conversation."""
    rows: list[Tensor] = []
    labels: list[int] = []
    owner: list[str] = []
    plain = ConversationDataModule(root, modalities=["text"], batch_size=1)
    model.eval()
    for batch in plain.examples_dataloader("train"):
        with torch.no_grad():
            output: AffectOutput = model(batch)
        assert output.embedding is not None and batch.target.label is not None
        for row, label in zip(output.embedding[0], batch.target.label[0].tolist(), strict=True):
            if label >= 0:
                rows, labels, owner = [*rows, row], [*labels, label], [*owner, batch.keys[0]]
    matrix, label_ = torch.stack(rows), torch.tensor(labels)
    hard = relative_centre_distance(matrix, label_, class_sums(matrix, label_, num_classes=7)).tolist()
    return {
        key: sum(h for h, own in zip(hard, owner, strict=True) if own == key) / owner.count(key)
        for key in dict.fromkeys(owner)
    }


def test_the_first_epoch_draws_by_the_untrained_model(conversations: str, tmp_path: Path) -> None:
    expected = naive(task(), conversations)
    watch = Watch()
    trainer(tmp_path, watch, epochs=2).fit(task(dropout=0.5), datamodule=data(conversations))
    opened = read_curriculum(tmp_path)
    assert dict(opened[0]) == pytest.approx({key: expected[key] for key, _ in opened[0]}, abs=2e-6)
    # What was recorded is what was shown, and the second epoch was measured anew.
    shown = read_shown(tmp_path)
    assert [key for batch in watch.seen for key in batch] == [*shown[0], *shown[1]]
    both = dict(opened[0]).keys() & dict(opened[1]).keys()
    assert both and any(dict(opened[0])[key] != dict(opened[1])[key] for key in both)
    # Also of what was not drawn, so that a picture can sort each epoch by its own numbers.
    graded = read_graded(tmp_path)
    assert graded[0] == pytest.approx(expected, abs=2e-6) and len(graded[1]) == 13
    assert graded[0] != graded[1]
    (tmp_path / "config.yaml").write_text("{}")
    build_report(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "13 training samples" in page and "the model measured before each epoch" in page
    hard = [value for _, value in opened[1]]
    assert hard == sorted(hard) and 0 < hard[0] < hard[-1] < 1


def test_measuring_changes_nothing_of_the_training(conversations: str, tmp_path: Path) -> None:
    class Other(DrawnCurriculum):
        """Opens everything, whatever was measured."""

        def positions(self, difficulty: object, *, epoch: int) -> range:
            return range(13)

    finals: list[dict[str, Tensor]] = []
    for rule in (CentreDistanceDifficulty(), HclDifficulty()):
        model = task(dropout=0.5)
        module = ConversationDataModule(
            conversations, modalities=["text"], batch_size=4, curriculum=Other(rule, epochs=3)
        )
        trainer(tmp_path, epochs=2).fit(model, datamodule=module)
        finals.append(model.state_dict())
    assert all(torch.equal(value, finals[1][name]) for name, value in finals[0].items())


@pytest.mark.parametrize("step", [3, 5])
def test_a_run_goes_on_with_what_was_drawn(conversations: str, tmp_path: Path, step: int) -> None:
    """After the last batch of the first epoch, and in the middle of the second."""
    whole, rest = Watch(tmp_path / "middle.ckpt", step), Watch()
    model, again = task(dropout=0.3), task(dropout=0.3)
    trainer(tmp_path / "a", whole).fit(model, datamodule=data(conversations))
    trainer(tmp_path / "b", rest).fit(again, datamodule=data(conversations), ckpt_path=str(whole.path))
    assert len(whole.seen) == 12 and rest.seen == whole.seen[step:]
    for name, value in again.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
    stored = torch.load(tmp_path / "middle.ckpt", weights_only=True)
    measured = stored["ConversationDataModule"]["graded"]
    assert measured["epoch"] == (step - 1) // 3 and measured["difficulty"].dtype == torch.float64
    # A save asks for the next epoch's plan before that is measured; what is shown follows the measure.
    shown = read_shown(tmp_path / "a")
    assert [key for keys in whole.seen for key in keys] == [key for epoch in range(4) for key in shown[epoch]]
    recorded = read_curriculum(tmp_path / "a")
    assert {e: recorded[e] for e in read_curriculum(tmp_path / "b")} == read_curriculum(tmp_path / "b")


def rank_measures(root: str, folder: str, ranks: int) -> None:
    """One run in a process group of its own; rank 0 writes what was opened."""
    fit = Trainer(
        accelerator="cpu",
        devices=ranks,
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
        callbacks=[CurriculumRecorder(folder)],
    )
    module = data(root)
    fit.fit(task(dropout=0.0), datamodule=module)
    (Path(folder) / f"rank{fit.global_rank}.json").write_text(json.dumps(module.difficulties()))


@pytest.mark.distributed
def test_two_real_ranks_measure_and_show_what_one_does(
    forked: Forked, conversations: str, tmp_path: Path
) -> None:
    found: list[tuple[dict[int, list[str]], list[float]]] = []
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        assert forked(rank_measures, conversations, str(folder), ranks, ranks=ranks) == [0] * ranks
        found.append((read_shown(folder), json.loads((folder / "rank0.json").read_text())))
    assert (tmp_path / "2" / "rank1.json").read_text() == (tmp_path / "2" / "rank0.json").read_text()
    assert found[0][0] == found[1][0] and found[0][1] == pytest.approx(found[1][1], abs=2e-6)


class NoEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 7)

    def forward(self, features: Encoding) -> AffectOutput:
        return AffectOutput(logits=self.layer(features.pooled))


class Plain(LightningModule):
    """Somebody's own module."""

    def training_step(self, batch: AffectBatch, batch_idx: int) -> None:
        return None

    def configure_optimizers(self) -> None:
        return None


def test_says_who_cannot_measure(conversations: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ConversationTask have no embedding: choose a head"):
        trainer(tmp_path).fit(task(head=NoEmbedding()), datamodule=data(conversations))
    with pytest.raises(ValueError, match=r"Plain has no grade_samples\(\): train a task"):
        trainer(tmp_path).fit(Plain(), datamodule=data(conversations))
    with pytest.raises(ValueError, match="Source 'talk' has a difficulty that the model measures"):
        MixedDataModule({"talk": data(conversations)})
    bare = task()
    bare.label_space = None
    with pytest.raises(ValueError, match="ConversationTask has no label space"):
        grade_samples(bare, data(conversations))

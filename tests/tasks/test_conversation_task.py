from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import pytest
import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer
from torch import Tensor

from affectkit.callbacks import AffectPrediction, ResultsWriter
from affectkit.conversation import BcLSTM
from affectkit.data.batch import AffectBatch
from affectkit.data.modules import ConversationDataModule
from affectkit.encoders import ProjectionEncoder
from affectkit.labels import LabelSpace, LabelSpaceMismatchError, label_space
from affectkit.losses import ClassificationLoss, SimilaritySmoothingLoss
from affectkit.tasks import ConversationTask
from affectkit.types import Target

INPUTS = {"text": 6, "audio": 3}
CONTEXTS: tuple[Literal["none", "bc_lstm", "dialogue_rnn"], ...] = ("none", "bc_lstm", "dialogue_rnn")
RESIDUALS: tuple[Literal["none", "concat", "add"], ...] = ("none", "concat", "add")


def _batch(lengths: list[int], *, width: int = 6, seed: int = 0) -> AffectBatch:
    generator = torch.Generator().manual_seed(seed)
    size = len(lengths)
    mask = torch.arange(width) < torch.tensor(lengths).unsqueeze(1)
    return AffectBatch(
        inputs={
            "text": torch.randn(size, width, 6, generator=generator),
            "audio": torch.randn(size, width, 3, generator=generator),
        },
        valid=torch.ones(size, dtype=torch.bool),
        masks={"utterance": mask},
        present={
            "text": (torch.rand(size, width, generator=generator) > 0.3) & mask,
            "audio": (torch.rand(size, width, generator=generator) > 0.5) & mask,
        },
        target=Target(
            label=torch.randint(7, (size, width), generator=generator).masked_fill(~mask, -100),
            weight=mask.float(),
            extra={
                "sentiment": torch.randint(3, (size, width), generator=generator).masked_fill(~mask, -100)
            },
        ),
        speaker=torch.where(mask, torch.arange(width) % 2, -1),
        keys=[str(number) for number in range(size)],
    )


def _logits(task: ConversationTask, batch: AffectBatch) -> Tensor:
    logits = task(batch).logits
    assert isinstance(logits, Tensor)
    return logits


@pytest.mark.parametrize("context_model", CONTEXTS)
@pytest.mark.parametrize("residual", RESIDUALS)
def test_masked_and_absent_never_influence(
    context_model: Literal["none", "bc_lstm", "dialogue_rnn"], residual: Literal["none", "concat", "add"]
) -> None:
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official",
        INPUTS,
        hidden_dim=5,
        context="both",
        context_model=context_model,
        residual=residual,
        auxiliary={"sentiment": 3},
    ).eval()
    batch = _batch([6, 1, 4])
    mask = batch.masks["utterance"]
    before = _logits(task, batch)
    spoiled = _batch([6, 1, 4])
    spoiled.inputs = {
        name: torch.where((spoiled.present[name] & mask).unsqueeze(2), value, torch.full_like(value, 1e3))
        for name, value in spoiled.inputs.items()
    }
    torch.testing.assert_close(_logits(task, spoiled)[mask], before[mask], atol=1e-6, rtol=0)
    loss = task.compute_loss(batch, task(batch))
    other = task.compute_loss(spoiled, task(spoiled))
    torch.testing.assert_close(loss.total, other.total)
    # Alone, and without padding, a conversation gives the same.
    alone = AffectBatch(
        inputs={name: value[2:, :4] for name, value in batch.inputs.items()},
        valid=batch.valid[2:],
        masks={"utterance": mask[2:, :4]},
        present={name: value[2:, :4] for name, value in batch.present.items()},
        speaker=None if batch.speaker is None else batch.speaker[2:, :4],
        keys=["2"],
    )
    torch.testing.assert_close(_logits(task, alone)[0], before[2, :4], atol=1e-5, rtol=0)


@pytest.mark.parametrize("context_model", CONTEXTS)
def test_past_context_reads_no_future(context_model: Literal["none", "bc_lstm", "dialogue_rnn"]) -> None:
    torch.manual_seed(0)
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=5, context_model=context_model).eval()
    batch, other = _batch([6, 6]), _batch([6, 6])
    batch.present = other.present = {}
    other.inputs["text"][:, 4:] += torch.randn(6)
    first, second = _logits(task, batch), _logits(task, other)
    torch.testing.assert_close(first[:, :4], second[:, :4], atol=1e-6, rtol=0)
    assert bool((first[:, 4:] - second[:, 4:]).abs().max() > 1e-3)
    assert task.report_facts()["context"] == ("none" if context_model == "none" else "past")


def test_a_trained_task_accepts_data_without_a_modality_but_training_does_not() -> None:
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=5)
    batch = _batch([3, 2])
    absent = _batch([3, 2])
    del absent.inputs["audio"]
    silent = _batch([3, 2])
    silent.present["audio"] = torch.zeros_like(batch.present["audio"])
    task.eval()
    torch.testing.assert_close(_logits(task, absent), _logits(task, silent))
    with pytest.raises(KeyError, match="encoder for 'audio', but the batch holds text"):
        task.train()(absent)


def test_auxiliary_loss_adds_its_weighted_rows() -> None:
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official", INPUTS, auxiliary={"sentiment": 3}, auxiliary_weight=0.25
    ).eval()
    batch = _batch([5, 2])
    output = task(batch)
    assert isinstance(batch.target.label, Tensor)
    assert batch.target.extra is not None
    cross = torch.nn.functional.cross_entropy
    mask = batch.masks["utterance"]
    main = cross(output.logits[mask], batch.target.label[mask])
    further = cross(output.extra["sentiment"][mask], batch.target.extra["sentiment"][mask])
    torch.testing.assert_close(task.compute_loss(batch, output).total, main + 0.25 * further)


class _Described(LightningDataModule):
    def __init__(self, space: LabelSpace, dims: dict[str, int]) -> None:
        super().__init__()
        self.label_space: LabelSpace | None = space
        self.feature_dims = dims

    def class_counts(self, split: str) -> Tensor:
        assert split == "train"
        return torch.tensor([40, 10, 10, 10, 10, 10, 10])


def _set_up(task: ConversationTask, data: LightningDataModule, stage: str = "fit") -> None:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.datamodule = data  # type: ignore[attr-defined]
    task.trainer = trainer
    task.setup(stage)


def test_data_with_other_labels_or_widths_are_refused() -> None:
    official, other = label_space("meld7.official"), label_space("meld7.merbench")
    task = ConversationTask("meld7.official", INPUTS)
    with pytest.raises(LabelSpaceMismatchError, match=r"0 neutral, 1 surprise.*0 anger, 1 joy"):
        _set_up(task, _Described(other, INPUTS))
    with pytest.raises(ValueError, match="'text' features of width 6, but the data have 384"):
        _set_up(task, _Described(official, {**INPUTS, "text": 384}))
    with pytest.raises(ValueError, match="reads 'audio', but the data hold text"):
        _set_up(task, _Described(official, {"text": 6}))
    _set_up(task, _Described(official, {"text": 6}), "test")
    _set_up(task, _Described(official, {**INPUTS, "visual": 9}))


def test_class_weights_come_from_the_training_counts() -> None:
    task = ConversationTask("meld7.official", INPUTS, class_weights="balanced")
    _set_up(task, _Described(label_space("meld7.official"), INPUTS))
    assert isinstance(task.loss, ClassificationLoss)
    weight = task.loss.class_weight
    assert weight[1] / weight[0] == pytest.approx(4.0)
    with pytest.raises(ValueError, match="set these in that loss"):
        ConversationTask("meld7.official", INPUTS, class_weights="sqrt", loss=ClassificationLoss(7))


def test_feature_statistics_are_taken_over_when_fitting_and_travel_in_the_checkpoint(
    conversations: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    data = ConversationDataModule(conversations, batch_size=4)
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=4, standardize=True)
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(task, data)
    measured = data.feature_statistics()
    for name in INPUTS:
        encoder = task.encoders[name]
        assert isinstance(encoder, ProjectionEncoder)
        torch.testing.assert_close(encoder.mean, measured[name].mean.float())
        torch.testing.assert_close(encoder.deviation, measured[name].deviation.float())
    path = tmp_path / "task.ckpt"
    trainer.save_checkpoint(path)
    again = ConversationTask.load_from_checkpoint(path).eval()
    torch.testing.assert_close(again.encoders.state_dict(), task.encoders.state_dict())
    # At a test the numbers are those of the checkpoint, whatever the data.
    _set_up(again, _Described(label_space("meld7.official"), INPUTS), "test")
    torch.testing.assert_close(again.encoders.state_dict(), task.encoders.state_dict())
    with pytest.raises(ValueError, match=r"_Described has no feature_statistics\(\)"):
        _set_up(again, _Described(label_space("meld7.official"), INPUTS))


def test_what_the_head_reads_is_dropped_out_once_with_head_dropout_0() -> None:
    torch.manual_seed(0)
    task = ConversationTask(
        "meld7.official",
        INPUTS,
        dropout=0.5,
        head_dropout=0.0,
        input_dropout=0.25,
        layer_norm=False,
        hidden_dim=4,
    )
    rates = {name: part.p for name, part in task.named_modules() if isinstance(part, torch.nn.Dropout)}
    assert {rate for name, rate in rates.items() if name.startswith("head")} <= {0.0}
    assert rates["context.dropout"] == 0.5 and rates["encoders.text.input_dropout"] == 0.25
    inherited = ConversationTask("meld7.official", INPUTS, dropout=0.5)
    parts = inherited.head.named_modules() if isinstance(inherited.head, torch.nn.Module) else []
    assert {part.p for _, part in parts if isinstance(part, torch.nn.Dropout)} == {0.5}
    assert not any(isinstance(part, torch.nn.LayerNorm) for part in task.encoders.modules())
    assert any(isinstance(part, torch.nn.LayerNorm) for part in inherited.encoders.modules())


@pytest.mark.parametrize(("cell", "kind"), [("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)])
def test_context_has_its_own_width_and_cell(
    cell: Literal["lstm", "gru"], kind: type[torch.nn.RNNBase]
) -> None:
    task = ConversationTask(
        "meld7.official", INPUTS, hidden_dim=4, context_dim=6, context_cell=cell, context="both"
    )
    assert isinstance(task.context, BcLSTM) and task.context.out_dim == 12
    assert isinstance(task.context.ahead[0], kind)
    rnn = ConversationTask("meld7.official", INPUTS, context_model="dialogue_rnn", context_dim=6)
    assert rnn.context is not None and rnn.context.out_dim == 6
    assert _logits(task, _batch([3, 1])).shape == _logits(rnn, _batch([3, 1])).shape


@pytest.mark.parametrize("name", ["context_model", "residual", "class_weights", "sample_weighting"])
def test_unknown_option_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}='nonsense'"):
        ConversationTask("meld7.official", INPUTS, **{name: "nonsense"})  # type: ignore[arg-type]


def test_prediction_drops_filling_rows_and_marks_padding() -> None:
    task = ConversationTask("meld7.official", INPUTS).eval()
    batch = _batch([6, 1, 4])
    batch.valid = torch.tensor([True, False, True])
    batch.meta["positions"] = [4, 0, 2]
    found = task.prediction(batch, task(batch))
    assert found.keys == ["0", "2"]
    assert found.positions.tolist() == [4, 2]
    assert found.logits is not None and found.logits.shape == (2, 6, 7)
    assert found.label is not None and found.target is not None
    assert bool((found.label[1, 4:] == -1).all()) and bool((found.label[1, :4] >= 0).all())
    assert bool((found.target[1, 4:] == -100).all())


def _evaluate(path: str, root: str, folder: str, ranks: int) -> None:
    task = ConversationTask.load_from_checkpoint(path)
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        logger=False,
        enable_progress_bar=False,
        default_root_dir=folder,
        callbacks=[ResultsWriter(folder)],
        use_distributed_sampler=False,
    )
    trainer.test(task, ConversationDataModule(root, batch_size=2 * ranks), verbose=False)
    if ranks == 1:
        found = trainer.predict(task, ConversationDataModule(root, batch_size=2))
        assert found is not None
        keys: list[str] = []
        for prediction in found:
            assert isinstance(prediction, AffectPrediction)
            keys += prediction.keys
        assert keys == [f"test-{number:02d}" for number in range(5)]


class _Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


@pytest.mark.distributed
def test_results_are_the_same_for_any_number_of_ranks(
    conversations: str, tmp_path: Path, forked: _Forked
) -> None:
    torch.manual_seed(0)
    task = ConversationTask("meld7.official", INPUTS, hidden_dim=4, context="both", shift_metrics=True)
    trainer = Trainer(
        accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(task, ConversationDataModule(conversations, batch_size=4))
    path = tmp_path / "task.ckpt"
    trainer.save_checkpoint(path)
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        assert set(forked(_evaluate, str(path), conversations, str(folder), ranks, ranks=ranks)) == {0}
    one, two = tmp_path / "1", tmp_path / "2"
    assert (one / "confusion.json").read_bytes() == (two / "confusion.json").read_bytes()
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (one, two))
    assert first.keys() == second.keys()
    assert first["context"] == "both" and first["label_space"] == "meld7.official"
    assert {"test/shift_accuracy", "test/steady_accuracy", "test/shift_f1"} <= set(first["metrics"])
    for name, value in first["metrics"].items():
        # Counts and what is made of them are equal to the last bit.
        expected = second["metrics"][name]
        assert value == (pytest.approx(expected, abs=1e-6) if name == "test/loss" else expected), name
    rows = list(csv.DictReader((one / "predictions.csv").open()))
    others = list(csv.DictReader((two / "predictions.csv").open()))
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    places = [(row["key"], row["utterance"], row["target"], row["prediction"]) for row in rows]
    assert places == [(row["key"], row["utterance"], row["target"], row["prediction"]) for row in others]
    # The counts are those of the table, and the accuracy that of the counts.
    counts = torch.tensor(json.loads((one / "confusion.json").read_text())["counts"])
    labelled = [row for row in rows if row["target"]]
    right = sum(row["target"] == row["prediction"] for row in labelled)
    assert int(counts.sum()) == len(labelled) and int(counts.diagonal().sum()) == right
    assert first["metrics"]["test/accuracy"] == pytest.approx(right / len(labelled))


def test_the_order_of_the_inputs_does_not_change_the_random_start() -> None:
    states = []
    for names in (("text", "audio"), ("audio", "text")):
        torch.manual_seed(0)
        task = ConversationTask("meld7.official", {name: len(name) for name in names}, hidden_dim=4)
        states.append(task.state_dict())
    for key, value in states[0].items():
        torch.testing.assert_close(value, states[1][key], rtol=0, atol=0)


def test_soft_labels_of_a_listed_order_are_those_of_its_labels() -> None:
    listed = ", ".join(label_space("meld7.official"))
    found = [ConversationTask(name, {"text": 6}, soft_labels=0.5).loss for name in ("meld7.official", listed)]
    similarity = [loss.similarity for loss in found if isinstance(loss, SimilaritySmoothingLoss)]
    assert torch.equal(*similarity)


def test_soft_labels_sharpen_while_it_trains(conversations: str, tmp_path: Path) -> None:
    task = ConversationTask("meld7.official", {"text": 6}, soft_labels=0.5, class_weights="sqrt")
    loss = task.loss
    seen: list[float] = []

    class Watch(Callback):
        def on_train_batch_end(self, *_: object) -> None:
            assert isinstance(loss, SimilaritySmoothingLoss)
            seen.append(loss.sharpness)

    data = ConversationDataModule(conversations, modalities=["text"], batch_size=6)
    fit = Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
        callbacks=[Watch()],
    )
    fit.fit(task, datamodule=data)
    assert seen == [0.0, 0.5, 1.0, 1.0]
    # As for plain labels, the classes are weighed by their counts.
    assert isinstance(loss, SimilaritySmoothingLoss)
    assert len(set(loss.class_weight.tolist())) > 1
    with pytest.raises(ValueError, match=r"soft_labels=0\.5 together with label_smoothing"):
        ConversationTask("meld7.official", {"text": 6}, soft_labels=0.5, label_smoothing=0.1)

"""The audience task: fitted to training rows alone, exact over ranks, scored by group, reloaded whole."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from affectkit import distributed
from affectkit.data import AffectBatch
from affectkit.data.loader import ItemFeatures, ShardLoader
from affectkit.data.modules import AudienceDataModule
from affectkit.data.synthetic import AUDIENCE_VOCABULARY, write_synthetic_audience
from affectkit.encoders import PrincipalComponentsEncoder
from affectkit.functional import principal_axes
from affectkit.physiology import QuantileClasses
from affectkit.tasks import AudienceTask
from affectkit.types import AffectOutput

if TYPE_CHECKING:
    from tests.conftest import RunRanks

VOCABULARY = {name: list(values) for name, values in AUDIENCE_VOCABULARY.items()}
INDICATORS = {"emotion": 3, "emr": 1, "engagement": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("audience") / "shards"
    write_synthetic_audience(folder, people=14, videos=6, scenes=1, feature_dim=8)
    return str(folder)


def data_of(
    root: str, *, batch_size: int = 32, vocabulary: dict[str, list[str]] | None = None
) -> AudienceDataModule:
    return AudienceDataModule(
        root,
        indicators=list(INDICATORS),
        attributes=["gender", "age", "video"],
        vocabulary=VOCABULARY if vocabulary is None else vocabulary,
        batch_size=batch_size,
    )


def task_of(*, indicators: dict[str, int] | None = None, main: str | None = None) -> AudienceTask:
    torch.manual_seed(0)
    return AudienceTask(
        INDICATORS if indicators is None else indicators,
        {"text": 8},
        main=main,
        vocabulary=VOCABULARY,
        total="total-user",
        components=3,
        hidden_dims=[6],
        out_dim=5,
        dropout=0.0,
        head_dim=4,
        ffn_dim=8,
    )


def trainer(*, epochs: int = 1) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_components_and_classes_are_those_of_the_training_rows(root: str) -> None:
    data, task = data_of(root), task_of()
    trainer().fit(task, data)
    train = data.table.split_rows("train")
    found = principal_axes(data.table.features["text"][train], 3)
    encoder = task.encoders["text"]
    assert isinstance(encoder, PrincipalComponentsEncoder)
    torch.testing.assert_close(encoder.mean.double(), found.mean, rtol=1e-5, atol=1e-6)
    everywhere = principal_axes(data.table.features["text"], 3)
    assert not torch.allclose(encoder.mean.double(), everywhere.mean, rtol=1e-2)
    numbers = data.table.numbers["emotion"].double()
    limits = cast(QuantileClasses, task.classes["emotion"]).thresholds
    torch.testing.assert_close(limits, torch.quantile(numbers[train], torch.tensor([1 / 3, 2 / 3]).double()))
    assert not torch.allclose(limits, torch.quantile(numbers, torch.tensor([1 / 3, 2 / 3]).double()))


def test_a_test_row_is_seen_with_its_neighbours_and_trains_nothing(root: str) -> None:
    data, task = data_of(root), task_of()
    task.fit_to(data)
    batch = next(iter(data.train_dataloader()))
    batch.inputs["text"].requires_grad_()
    output: AffectOutput = task(batch)
    loss = task.compute_loss(batch, output)
    torch.autograd.backward(loss.total)
    # Hyperedges lead from every node to the drawn ones ...
    assert batch.inputs["text"].grad is not None and bool(batch.inputs["text"].grad.any(1).all())
    # ... and the targets of the others to nowhere.
    hidden = batch.target.extra
    assert hidden is not None
    for column in hidden.values():
        column[~batch.valid] = 1e6
    again = task.compute_loss(batch, output)
    assert torch.equal(loss.total, again.total)


def gradients(task: AudienceTask, batches: list[AffectBatch]) -> tuple[list[Tensor], float]:
    """Gradient of the sum of the losses of all batches over the sum of their weights, as in training."""
    task.zero_grad()
    weight = torch.zeros(())
    for batch in batches:
        terms = task.compute_loss(batch, task(batch))
        torch.autograd.backward(terms.total * terms.weight)
        weight = weight + terms.weight.detach()
    return [p.grad / weight for p in task.parameters() if p.grad is not None], float(weight)


def test_two_ranks_give_the_gradient_of_one(root: str) -> None:
    data, task = data_of(root), task_of()
    task.fit_to(data)
    whole = next(iter(data.train_dataloader()))
    parts = []
    for rank in range(2):
        loader: ShardLoader[ItemFeatures] = ShardLoader(
            data.store("train"),
            data.decoder("train"),
            collate=data.collate("train"),
            global_batch=32,
            rank=rank,
            world_size=2,
        )
        parts.append(next(iter(loader)))
    expected, weight = gradients(task, [whole])
    found, other = gradients(task, parts)
    assert weight == other == 32
    for one, two in zip(expected, found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def rank_scores(root: str, epochs: int) -> tuple[dict[str, float], list[float]]:
    """Scores of the test split, and the weights after some steps, on this rank of however many."""
    data, task = data_of(root), task_of()
    task.fit_to(data)
    rank, world = distributed.rank(), distributed.world_size()

    def loader(split: str, *, tail: Literal["drop", "mask"]) -> ShardLoader[ItemFeatures]:
        return ShardLoader(
            data.store(split),
            data.decoder(split),
            collate=data.collate(split),
            global_batch=32,
            tail=tail,
            rank=rank,
            world_size=world,
        )

    optimizer = torch.optim.SGD(task.parameters(), lr=0.1)
    for _ in range(epochs):
        for batch in loader("train", tail="drop"):
            terms = task.compute_loss(batch, task(batch))
            optimizer.zero_grad()
            torch.autograd.backward(terms.total * terms.weight)
            weight = distributed.all_reduce_sum(terms.weight)
            for parameter in task.parameters():
                if parameter.grad is not None:
                    parameter.grad = distributed.all_reduce_sum(parameter.grad) / weight
            optimizer.step()
    metrics = task.eval().test_metrics
    with torch.no_grad():
        for batch in loader("test", tail="mask"):
            task.update_metrics(metrics, batch, task(batch))
    scores = {name: float(value) for name, value in metrics.compute().items()}
    weights = torch.cat([parameter.detach().flatten() for parameter in task.parameters()])
    return scores, cast("list[float]", weights.tolist())


@pytest.mark.distributed
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_two_processes_train_and_score_like_one(root: str, run_ranks: RunRanks) -> None:
    scores, weights = rank_scores(root, 2)
    untrained, _ = rank_scores(root, 0)
    assert scores != untrained
    for found, trained in run_ranks(rank_scores, root, 2):
        assert found == pytest.approx(scores, abs=1e-6, nan_ok=True)
        assert trained == pytest.approx(weights, rel=1e-4, abs=1e-6)


def test_scores_of_groups_equal_those_of_a_loop_and_files_hold_the_drawn_rows(root: str) -> None:
    data, task = data_of(root), task_of()
    lead = trainer()
    lead.fit(task, data)
    (found,) = lead.test(task, data, verbose=False)
    table, part = data.table, data.table.split_rows("test")
    batch = next(iter(data_of(root, batch_size=100).test_dataloader()))
    with torch.no_grad():
        output: AffectOutput = task.eval()(batch)
    assert output.extra is not None
    total, right = 0, 0
    for name in ("emotion", "engagement"):
        guess = output.extra[name].argmax(1)[part]
        label = cast(QuantileClasses, task.classes[name])(table.numbers[name][part])
        hits = (guess == label).tolist()
        total, right = total + len(hits), right + sum(hits)
        assert found[f"test/accuracy_{name}"] == pytest.approx(sum(hits) / len(hits))
        gender, age = (table.attributes[column][part] for column in ("gender", "age"))
        everybody = [g == "total-user" and a == "total-user" for g, a in zip(gender, age, strict=True)]
        for key, member in {
            "p1": everybody,
            "p2": [not real for real in everybody],
            "gender_male": [g == "male" for g in gender],
            "age_under20": [a == "under20" for a in age],
        }.items():
            inside = [hit for hit, real in zip(hits, member, strict=True) if real]
            assert found[f"test/accuracy_{name}_{key}"] == pytest.approx(sum(inside) / len(inside))
    assert found["test/accuracy"] == pytest.approx(right / total)
    error = output.extra["emr"][part, 0] - table.numbers["emr"][part]
    assert found["test/rmse_emr"] == pytest.approx(math.sqrt(error.double().square().mean().item()), rel=1e-5)
    predicted = task.prediction(batch, output)
    assert predicted.keys == table.keys[part] and predicted.positions.tolist() == list(range(24))
    assert predicted.logits is not None and torch.equal(predicted.logits, output.extra["emotion"][part])
    assert predicted.target is not None and len(predicted.target) == 24


def test_a_checkpoint_builds_the_task_again(root: str, tmp_path: Path) -> None:
    data, task = data_of(root), task_of(main="engagement")
    lead = trainer()
    lead.fit(task, data)
    lead.save_checkpoint(tmp_path / "task.ckpt")
    again = AudienceTask.load_from_checkpoint(tmp_path / "task.ckpt").eval()
    batch = next(iter(data.test_dataloader()))
    with torch.no_grad():
        one, two = task.eval()(batch), again(batch)
    assert torch.equal(one.logits, two.logits)
    assert again.label_space is not None and len(again.label_space) == 2
    target, expected = again.classed(batch.target), task.classed(batch.target)
    assert target.label is not None and expected.label is not None
    assert torch.equal(target.label, expected.label)
    facts = again.report_facts()
    assert facts["main_indicator"] == "engagement" and len(str(facts["emotion_limits"]).split()) == 2


def test_a_number_as_main_indicator_is_predicted_as_a_value(root: str) -> None:
    data, task = data_of(root), task_of(main="emr")
    task.fit_to(data)
    batch = next(iter(data.test_dataloader()))
    found = task.prediction(batch, task(batch))
    assert found.logits is None and found.dims is not None and found.dims.shape == (24, 1)
    assert task.axes == ("emr",) and task.label_space is None


def test_refusals(root: str) -> None:
    with pytest.raises(ValueError, match="at least one of each"):
        AudienceTask({}, {"text": 8})
    with pytest.raises(ValueError, match="main='gaze', which is none of emotion, emr, engagement"):
        task_of(main="gaze")
    with pytest.raises(ValueError, match="predicts 'joy', and the data hold emotion, emr, engagement"):
        trainer().fit(task_of(indicators={"joy": 2}), data_of(root))
    turned = {name: VOCABULARY[name][::-1] for name in VOCABULARY}
    with pytest.raises(ValueError, match="code attributes by different columns"):
        trainer().fit(task_of(), data_of(root, vocabulary=turned))
    with pytest.raises(ValueError, match="cannot cut 96 known values"):
        trainer().fit(task_of(indicators={"emotion": 97}), data_of(root))
    silent = data_of(root)
    silent.table.numbers["emr"].fill_(math.nan)
    with pytest.raises(ValueError, match="predicts 'emr', but no training row has a value of it"):
        trainer().fit(task_of(), silent)
    batch = next(iter(data_of(root).test_dataloader()))
    task = task_of()
    task.fit_to(data_of(root))
    del batch.meta["hypergraph"]
    with pytest.raises(KeyError, match="a batch without a hypergraph"):
        task(batch)

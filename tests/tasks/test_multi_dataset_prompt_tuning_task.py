"""One trunk, a head for each data set: exact sums, exact scores, and a checkpoint that is enough."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.data.batch import AffectBatch
from affectkit.data.loader import PictureView
from affectkit.data.modules import ImageDataModule, MixedDataModule
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.heads import PerceptualHead, PerDatasetHeads
from affectkit.labels import LabelSpaceMismatchError, label_space
from affectkit.losses import ClassificationLoss, UncertaintyWeightedSum, WeightedSum
from affectkit.predict import PicturePredictor
from affectkit.tasks import BaseMismatchError, DatasetError, MultiDatasetPromptTuningTask
from affectkit.types import Target

SPACE = "meld7.official"
DATASETS: dict[str, Any] = {
    "faces": {"label_space": SPACE},
    "mood": {"axes": ["valence", "arousal"], "objective": "mse", "weight": 0.5},
}
EXACT: dict[str, Any] = {
    "adapter_options": {"towers": "image", "rank": 2, "dropout": 0.0},
    "head_dims": [6],
    "head_dropout": 0.0,
    "optimizer": "sgd",
    "schedule": "constant",
    "weight_decay": 0.0,
    "lr": 0.1,
}
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
    "num_sanity_val_steps": 0,
}

pytestmark = pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning")


class _Forked(Protocol):
    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("multi")
    sizes = {"faces": (8, 5, 3), "mood": (4, 3, 3)}
    for (name, (train, val, test)), targets in zip(sizes.items(), ("label", "dims"), strict=True):
        write_synthetic_pictures(
            folder / name,
            train=train,
            val=val,
            test=test,
            height=24,
            width=36,
            targets=targets,  # type: ignore[arg-type]
        )
    return {name: str(folder / name) for name in sizes}


def source(root: str, *, batch: int, space: str | None = None) -> ImageDataModule:
    return ImageDataModule(
        root, size=32, batch_size=batch, crop_scale=None, flip=0.0, normalize=False, label_space=space
    )


def data(folders: dict[str, str], *, evaluate: list[str] | None = None) -> MixedDataModule:
    """Two batches of each source an epoch, of four and of two rows."""
    return MixedDataModule(
        {"faces": source(folders["faces"], batch=4), "mood": source(folders["mood"], batch=2)},
        own_targets=True,
        evaluate=evaluate or ["faces", "mood"],
    )


def task_of(datasets: dict[str, Any] | None = None, **options: Any) -> MultiDatasetPromptTuningTask:
    torch.manual_seed(0)
    return MultiDatasetPromptTuningTask(datasets or DATASETS, **{**EXACT, **options})


def with_moved_updates(task: MultiDatasetPromptTuningTask) -> MultiDatasetPromptTuningTask:
    """Fill the low-rank updates, which start at 0, so that every parameter gets a gradient."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in task.named_parameters():
            if parameter.requires_grad and "lora" in name:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return task


def heads(task: MultiDatasetPromptTuningTask) -> nn.ModuleDict:
    assert isinstance(task.head, PerDatasetHeads)
    return task.head.heads


def trained(task: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in task.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("weighting", ["static", "learnt"])
def test_a_batch_of_one_data_set_adds_exactly_nothing_to_the_head_of_another(
    weighting: str, folders: dict[str, str]
) -> None:
    datasets = {
        **DATASETS,
        "mood": {"axes": ["valence", "arousal"], "objective": "ccc"},
        "third": {"axes": ["x"], "objective": "pearson"},
    }
    task = with_moved_updates(task_of(datasets, weighting=weighting))
    mixture = MixedDataModule(
        {
            "faces": source(folders["faces"], batch=4),
            "mood": source(folders["mood"], batch=2),
        },
        own_targets=True,
    )
    seen = set()
    for batch in mixture.train_dataloader():
        name = str(batch.meta["source"])
        seen.add(name)
        extra = {**(batch.target.extra or {}), "third": torch.full((len(batch), 1), torch.nan)}
        batch.target = batch.target._replace(extra=extra)
        task.zero_grad()
        terms = task.compute_loss(batch, task(batch))
        torch.autograd.backward(terms.total)
        for other, head in heads(task).items():
            moved = [p.grad is not None and bool(p.grad.any()) for p in head.parameters()]
            assert any(moved) if other == name else not any(moved), (name, other)
        assert any(p.grad is not None and bool(p.grad.any()) for n, p in trained(task).items() if "lora" in n)
        if isinstance(task.loss, UncertaintyWeightedSum):
            gradient = task.loss.log_variance.grad
            assert gradient is not None
            assert [bool(value) for value in gradient.tolist()] == [n == name for n in sorted(datasets)]
    assert seen == {"faces", "mood"}


def test_a_step_over_accumulated_batches_is_that_of_all_rows_at_once(folders: dict[str, str]) -> None:
    task = with_moved_updates(task_of())
    naive = copy.deepcopy(task)
    total, rows = torch.zeros(()), 0
    for batch in data(folders).train_dataloader():
        output, extra = naive(batch).extra, batch.target.extra
        assert extra is not None
        if batch.meta["source"] == "faces":
            total = total + F.cross_entropy(output["faces"], extra["faces"], reduction="sum")
        else:
            total = total + 0.5 * (output["mood"] - extra["mood"]).square().mean(dim=1).sum()
        rows += len(batch)
    assert rows == 12
    torch.autograd.backward(total / rows)
    expected = {name: p.detach() - 0.1 * p.grad for name, p in trained(naive).items() if p.grad is not None}
    trainer = Trainer(max_epochs=1, accumulate_grad_batches=4, limit_val_batches=0, **QUIET)
    trainer.fit(task, data(folders))
    assert trainer.global_step == 1 and len(expected) > 8
    for name, value in expected.items():
        torch.testing.assert_close(trained(task)[name], value, atol=2e-6, rtol=0)


def _fit(folders: dict[str, str], out: str, ranks: int) -> None:
    datasets = {**DATASETS, "mood": {"axes": ["valence", "arousal"], "objective": "pearson"}}
    task = with_moved_updates(task_of(datasets))
    strategy = DDPStrategy(process_group_backend="gloo") if ranks > 1 else SingleDeviceStrategy("cpu")
    trainer = Trainer(max_epochs=2, accumulate_grad_batches=2, devices=ranks, strategy=strategy, **QUIET)
    trainer.fit(task, data(folders))
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    if trainer.is_global_zero:
        torch.save({"weights": trained(task), "metrics": metrics}, out)


@pytest.mark.distributed
def test_two_ranks_train_and_score_as_one(forked: _Forked, folders: dict[str, str], tmp_path: Path) -> None:
    results = []
    for ranks in (1, 2):
        out = tmp_path / f"{ranks}.pt"
        assert set(forked(_fit, folders, str(out), ranks, ranks=ranks)) == {0}
        results.append(torch.load(out, weights_only=True))
    one, two = results
    start = trained(with_moved_updates(task_of()))
    assert any(not torch.equal(value, start[name]) for name, value in one["weights"].items())
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, atol=2e-6, rtol=0)
    assert one["metrics"].keys() == two["metrics"].keys()
    assert {"val/faces/accuracy", "val/faces/loss", "val/mood/ccc_valence", "val/mood/loss"} <= set(
        one["metrics"]
    )
    for name, score in one["metrics"].items():
        # A loss over the moments of a batch is that of the whole batch on both sides.
        assert two["metrics"][name] == pytest.approx(score, abs=1e-5), name


@pytest.mark.parametrize("evaluate", [["faces", "mood"], ["mood"]])
def test_each_data_set_is_scored_on_its_own(evaluate: list[str], folders: dict[str, str]) -> None:
    task = task_of()
    trainer = Trainer(**QUIET)
    trainer.validate(task, data(folders, evaluate=evaluate), verbose=False)
    scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert {name.split("/")[1] for name in scores} == set(evaluate)
    (batch,) = [b for b in source(folders["mood"], batch=3).val_dataloader() if isinstance(b, AffectBatch)]
    assert batch.target.dims is not None
    error = (task(batch).extra["mood"] - batch.target.dims).detach().double()
    assert scores["val/mood/rmse"] == pytest.approx(float(error.square().mean(dim=0).sqrt().mean()), abs=1e-6)
    # Weighted as in training, over the rows of the data set alone.
    assert scores["val/mood/loss"] == pytest.approx(0.5 * float(error.square().mean()), abs=1e-6)
    if "faces" in evaluate:
        (batch,) = [
            b for b in source(folders["faces"], batch=5).val_dataloader() if isinstance(b, AffectBatch)
        ]
        assert batch.target.label is not None
        right = task(batch).extra["faces"].argmax(dim=1) == batch.target.label
        assert scores["val/faces/accuracy"] == pytest.approx(float(right.double().mean()), abs=1e-9)


def test_votes_are_scored_by_the_majority() -> None:
    task = task_of({"votes": {"label_space": SPACE, "objective": "distribution"}})
    votes = torch.tensor([[0.0, 5, 1, 0, 0, 0, 0], [2, 0, 2, 0, 0, 0, 0], [0] * 7, [torch.nan] * 7])
    batch = AffectBatch(
        inputs={"visual": torch.zeros(4, 3, 32, 32, dtype=torch.uint8)},
        valid=torch.ones(4, dtype=torch.bool),
        target=Target(extra={"votes": votes}, weight=torch.ones(4)),
        keys=list("abcd"),
        meta={"source": "votes"},
    )
    output = task.eval()(batch)
    found = task.prediction(batch, output)
    assert found.target is not None and found.target.tolist() == [1, 0, -100, -100]
    metrics = task.datasets["votes"].metrics()
    task.update_metrics(metrics, batch, output)
    guessed = output.extra["votes"].argmax(dim=1)[:2]
    assert float(metrics["accuracy"].compute()) == float((guessed == torch.tensor([1, 0])).double().mean())
    terms = task.compute_loss(batch, output)
    assert float(terms.weight) == 4 and bool(terms.total > 0)


def test_classes_are_weighted_by_the_counts_of_their_own_data_set(folders: dict[str, str]) -> None:
    datasets = {"faces": {"label_space": SPACE}, "rich": {"label_space": "meld7.merbench"}}
    task = task_of(datasets, class_weights="balanced")
    mixture = MixedDataModule(
        {
            "faces": source(folders["faces"], batch=4),
            "rich": source(folders["faces"], batch=4, space="meld7.merbench"),
        },
        own_targets=True,
    )
    Trainer(max_epochs=1, limit_val_batches=0, **QUIET).fit(task, mixture)
    assert isinstance(task.loss, WeightedSum)
    for name, part in task.loss.losses.items():
        assert isinstance(part, ClassificationLoss)
        naive = ClassificationLoss(7)
        naive.set_class_weights(mixture.source_class_counts("train")[name], "balanced")
        assert torch.equal(part.class_weight, naive.class_weight) and part.class_weight.std() > 0


@pytest.mark.parametrize("weighting", ["static", "learnt"])
def test_a_checkpoint_builds_the_task_and_answers_for_pictures_of_no_data_set(
    weighting: str, folders: dict[str, str], tmp_path: Path
) -> None:
    alike = {**DATASETS, "mood": {"axes": ["valence", "arousal"]}}
    datasets = DATASETS if weighting == "static" else alike
    task = task_of(datasets, weighting=weighting)
    trainer = Trainer(max_epochs=1, **QUIET)
    trainer.fit(task, data(folders))
    path = tmp_path / "task.ckpt"
    trainer.save_checkpoint(path)
    stored = torch.load(path, weights_only=True)
    assert set(trained(task)) <= set(stored["state_dict"])
    assert ("loss.log_variance" in trained(task)) is (weighting == "learnt")
    assert sum(value.numel() for value in stored["state_dict"].values()) < 20_000
    again = MultiDatasetPromptTuningTask.load_from_checkpoint(path).eval()
    assert again.datasets == task.datasets
    shown = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    batch = AffectBatch(inputs={"visual": shown}, valid=torch.ones(3, dtype=torch.bool), keys=list("abc"))
    expected, found = task.eval()(batch).extra, again(batch).extra
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    answer = again.prediction(batch, again(batch))
    assert answer.logits is not None and torch.equal(answer.logits, expected["faces"].detach())
    assert answer.dims is not None and torch.equal(answer.dims, expected["mood"].detach())
    predictor = PicturePredictor.from_checkpoint(path, batch_size=3, device="cpu")
    assert predictor.view == PictureView(32) and predictor.label_space == label_space(SPACE)
    rows = list(predictor.predict([picture.permute(1, 2, 0) for picture in shown]))
    for row, logits, values in zip(rows, expected["faces"], expected["mood"], strict=True):
        assert row.label == label_space(SPACE).labels[int(logits.argmax())]
        assert row.dims == pytest.approx(
            dict(zip(("valence", "arousal"), values.tolist(), strict=True)), abs=1e-5
        )
    with pytest.raises(BaseMismatchError, match="base_weights=FILE"):
        MultiDatasetPromptTuningTask.load_from_checkpoint(path, base="tiny:seed=1")
    other = {**datasets, "faces": {"label_space": "meld7.merbench"}}
    with pytest.raises(DatasetError, match="The head 'faces' of the checkpoint predicts neutral, surprise"):
        MultiDatasetPromptTuningTask.load_from_checkpoint(path, datasets=other)


def test_one_of_several_heads_is_chosen_for_pictures_of_no_data_set() -> None:
    datasets = {
        "a": {"label_space": SPACE},
        "b": {"label_space": "fer7.official"},
        "c": {"axes": ["quality"]},
        "d": {"axes": ["quality", "beauty"]},
    }
    batch = AffectBatch(
        inputs={"visual": torch.zeros(1, 3, 32, 32, dtype=torch.uint8)}, valid=torch.ones(1, dtype=torch.bool)
    )
    task = task_of(datasets).eval()
    assert task.label_space is None and task.axes == ("c.quality", "d.quality", "beauty")
    with pytest.raises(DatasetError, match=r"Several heads predict classes \(a, b\).*--option answer=NAME"):
        task.prediction(batch, task(batch))
    task = task_of(datasets, answer="b").eval()
    output = task(batch)
    found = task.prediction(batch, output)
    assert task.label_space == label_space("fer7.official")
    assert found.logits is not None and torch.equal(found.logits, output.extra["b"].detach())
    assert found.dims is not None and found.dims.shape == (1, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adapter": "coop", "adapter_options": None}, "'coop' trains what heads .* do not read"),
        ({"adapter": "clip_adapter", "adapter_options": None}, "choose 'clip_lora' or 'maple'"),
        ({"weighting": "learnt"}, "'mood' has a weight, and the weights are learnt"),
        ({"weighting": "none"}, "'static' or 'learnt'"),
        ({"class_weights": "yes"}, "'none' or 'balanced' or 'sqrt'"),
        ({"answer": "mood"}, "answer='mood', which is no data set with labels: give 'faces'"),
        ({"datasets": {"mood": {"axes": ["x"]}}, "label_smoothing": 0.1}, "no data set has it"),
        ({"finetune": ["^visual"]}, "fits no parameter of the base"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    given = {"datasets": DATASETS, **EXACT, **options}
    with pytest.raises(ValueError, match=message) as caught:
        MultiDatasetPromptTuningTask(**given)
    assert "\n" not in str(caught.value)


def test_heads_alone_learn_on_a_frozen_tower_and_are_linear_without_widths() -> None:
    task = task_of(adapter="zero_shot", adapter_options=None, head_dims=None)
    assert {name.split(".")[0] for name in trained(task)} == {"head"}
    for head in heads(task).values():
        assert isinstance(head, PerceptualHead) and len(head.layers) == 0


def test_what_the_data_lack_stops_before_training(folders: dict[str, str]) -> None:
    def fit(datasets: dict[str, Any], mixture: Any) -> None:
        Trainer(max_epochs=1, **QUIET).fit(task_of(datasets), mixture)

    with pytest.raises(DatasetError, match="no head for the source 'mood'"):
        fit({"faces": DATASETS["faces"]}, data(folders))
    with pytest.raises(LabelSpaceMismatchError, match="of 'faces' in different orders"):
        fit({**DATASETS, "faces": {"label_space": "meld7.merbench"}}, data(folders))
    with pytest.raises(DatasetError, match="the values x of 'faces', but the shards"):
        fit({**DATASETS, "faces": {"axes": ["x"]}}, data(folders))
    with pytest.raises(DatasetError, match="own_targets set to true"):
        fit(DATASETS, source(folders["faces"], batch=4))

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit import distributed
from affectkit.metrics import (
    F1,
    UAR,
    Accuracy,
    ConfusionCounts,
    ConfusionMetric,
    classification_metrics,
)

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(suffix: str = "") -> tuple[Tensor, Tensor]:
    with np.load(GOLDEN / "metrics_war_uar.npz", allow_pickle=False) as arrays:
        return torch.from_numpy(arrays[f"p{suffix}"]), torch.from_numpy(arrays[f"y{suffix}"])


def every_metric(num_classes: int) -> list[ConfusionMetric]:
    return [
        Accuracy(num_classes),
        UAR(num_classes),
        UAR(num_classes, classes="all"),
        F1(num_classes),
        F1(num_classes, average="macro"),
        F1(num_classes, average="micro", exclude=[0]),
        ConfusionCounts(num_classes),
    ]


def values(metrics: list[ConfusionMetric]) -> dict[str, object]:
    results: dict[str, object] = {}
    for metric in metrics:
        value: Tensor = metric.compute()
        results[metric.protocol] = value.tolist()
    return results


@pytest.mark.golden
def test_golden_scores() -> None:
    facts = json.loads((GOLDEN / "metrics_war_uar.json").read_text(encoding="utf-8"))
    prediction, target = golden()
    metrics = [*every_metric(7), F1(7, average="micro")]
    for metric in metrics:
        for rows in torch.split(torch.arange(200), 64):
            metric.update(prediction[rows], target[rows])
    got = values(metrics)
    with np.load(GOLDEN / "metrics_war_uar.npz", allow_pickle=False) as arrays:
        assert got["confusion[rows=truth]"] == arrays["cm"].tolist()
    expected = {
        "war": facts["WAR"],
        "uar[present]": facts["UAR"],
        "uar[all]": facts["UAR"],
        "f1[weighted]": facts["weighted_f1"],
        "f1[macro]": facts["macro_f1"],
        "f1[micro]": facts["micro_f1"],
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.golden
def test_golden_scores_with_an_absent_class() -> None:
    facts = json.loads((GOLDEN / "metrics_war_uar.json").read_text(encoding="utf-8"))["absent"]
    prediction, target = golden("_absent")
    metrics = every_metric(7)
    for metric in metrics:
        metric.update(prediction, target)
    got = values(metrics)
    expected = {
        "war": facts["WAR"],
        "uar[present]": facts["UAR_present_only"],
        "uar[all]": facts["UAR_sklearn_zero_div0"],
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.golden
def test_padding_and_absent_labels_in_conversation_shape_change_nothing() -> None:
    prediction, target = golden()
    plain, padded = every_metric(7), every_metric(7)
    logits = torch.nn.functional.one_hot(prediction, 7).bfloat16()
    # (10, 20) rows grow to (10, 23): two columns of padding with wrong labels, one without label.
    wide = torch.zeros(10, 23, 7, dtype=torch.bfloat16)
    wide[:, :20] = logits.reshape(10, 20, 7)
    wide[:, 20:] = torch.nan
    label = torch.full((10, 23), 3)
    label[:, :20] = target.reshape(10, 20)
    label[:, 22] = -100
    weight = torch.ones(10, 23)
    weight[:, 20:22] = 0.0
    for one, other in zip(plain, padded):
        one.update(prediction, target)
        other.update(wide, label, weight)
    assert values(plain) == values(padded)


def test_no_rows_give_zero_not_nan() -> None:
    for metric in every_metric(3):
        empty = torch.empty(0, dtype=torch.int64)
        metric.update(empty, empty)
        value: Tensor = metric.compute()
        assert float(value.sum()) == 0.0


def test_names_say_the_protocol_and_keys_are_safe_in_file_names() -> None:
    metrics = [*every_metric(3), F1(3, average="micro", exclude=[2, 0])]
    assert [(metric.key, metric.protocol) for metric in metrics] == [
        ("accuracy", "war"),
        ("uar_present", "uar[present]"),
        ("uar_all", "uar[all]"),
        ("weighted_f1", "f1[weighted]"),
        ("macro_f1", "f1[macro]"),
        ("micro_f1_without_0", "f1[micro,exclude=0]"),
        ("confusion", "confusion[rows=truth]"),
        ("micro_f1_without_0_2", "f1[micro,exclude=0+2]"),
    ]
    for metric in metrics:
        assert f"{{{metric.key}:.3f}}".format(**{metric.key: 0.5}) == "0.500"


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="num_classes=0"):
        Accuracy(0)
    with pytest.raises(ValueError, match="'some'"):
        UAR(3, classes="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'samples'"):
        F1(3, average="samples")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"0\.\.2"):
        F1(3, exclude=[3])


def test_flags_and_pickling() -> None:
    prediction, target = golden()
    for metric in every_metric(7):
        assert (metric.is_differentiable, metric.full_state_update) == (False, False)
        assert metric.higher_is_better is (None if isinstance(metric, ConfusionCounts) else True)
        metric.update(prediction, target)
        again: ConfusionMetric = pickle.loads(pickle.dumps(metric))
        before: Tensor = metric.compute()
        after: Tensor = again.compute()
        assert torch.equal(before, after)
        metric.reset()
        assert int(metric.counts.sum()) == 0


def test_a_collection_counts_once_and_gives_what_single_metrics_give() -> None:
    prediction, target = golden()
    collection = classification_metrics(7, exclude=[0], prefix="test/")
    collection.update(prediction[:0], target[:0])
    collection.update(prediction[:120], target[:120])
    collection.update(prediction[120:], target[120:])
    assert len(collection.compute_groups) == 1
    singles = [
        Accuracy(7),
        UAR(7),
        F1(7),
        F1(7, average="macro"),
        F1(7, average="micro", exclude=[0]),
    ]
    expected = {}
    for metric in singles:
        metric.update(prediction, target)
        value: Tensor = metric.compute()
        expected[f"test/{metric.key}"] = value.item()
    assert {key: value.item() for key, value in collection.compute().items()} == expected
    collection.reset()
    collection.update(prediction[:50], target[:50])
    first = Accuracy(7)
    first.update(prediction[:50], target[:50])
    assert collection.compute()["test/accuracy"] == first.compute()


def test_the_score_of_one_call_is_that_of_its_batch() -> None:
    prediction, target = golden()
    metric = Accuracy(7)
    metric.update(prediction[:100], target[:100])
    batch: Tensor = metric(prediction[100:], target[100:])
    assert batch.item() == pytest.approx((prediction[100:] == target[100:]).double().mean().item())
    total: Tensor = metric.compute()
    assert total.item() == pytest.approx(0.615)


def rank_scores(split: tuple[int, ...]) -> tuple[dict[str, object], dict[str, float]]:
    prediction, target = golden()
    rank = distributed.rank()
    start = sum(split[:rank])
    mine = torch.arange(start, start + split[rank])
    metrics, collection = every_metric(7), classification_metrics(7)
    assert isinstance(collection, MetricCollection)
    for rows in torch.split(mine, 48) if len(mine) > 0 else ():
        collection.update(prediction[rows], target[rows])
        for metric in metrics:
            metric.update(prediction[rows], target[rows])
    return values(metrics), {key: value.item() for key, value in collection.compute().items()}


@pytest.mark.distributed
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("split", [(100, 100), (137, 63), (0, 200)])
def test_ranks_give_exactly_what_one_process_gives(run_ranks: RunRanks, split: tuple[int, int]) -> None:
    expected = rank_scores((200,))
    assert run_ranks(rank_scores, split) == [expected, expected]

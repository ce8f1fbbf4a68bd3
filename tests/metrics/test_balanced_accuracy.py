from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit import distributed
from affectkit.metrics import BalancedAccuracyPerLabel

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GENERATOR = torch.Generator().manual_seed(0)
SCORES = torch.randn(40, 4, generator=GENERATOR)
TRUTH = (torch.rand(40, 4, generator=GENERATOR) < 0.3).float()
TRUTH[:5, 1] = math.nan
TRUTH[:, 2] = TRUTH[:, 2].masked_fill(TRUTH[:, 2] == 0, math.nan)  # only positives
TRUTH[:, 3] = math.nan


def expected() -> list[float]:
    # Imported here, since the ranks import this file as well and need seconds for scikit-learn.
    from sklearn.metrics import balanced_accuracy_score

    result = []
    for label in range(3):
        real = ~TRUTH[:, label].isnan()
        truth, said = TRUTH[real, label].int(), (SCORES[real, label] > 0).int()
        if label == 2:
            result.append(float(said.double().mean()))
        else:
            result.append(float(balanced_accuracy_score(truth, said)))
    return result


def test_matches_scikit_learn_and_marks_a_label_without_annotations() -> None:
    each, mean = BalancedAccuracyPerLabel(4, reduced=False), BalancedAccuracyPerLabel(4)
    for metric in (each, mean):
        metric.update(SCORES[:24].reshape(4, 6, 4), TRUTH[:24].reshape(4, 6, 4))
        metric.update(SCORES[24:], TRUTH[24:])
    per_label: Tensor = each.compute()
    assert per_label[:3].tolist() == pytest.approx(expected(), abs=1e-12)
    assert math.isnan(float(per_label[3]))
    reduced: Tensor = mean.compute()
    assert reduced.item() == pytest.approx(sum(expected()) / 3, abs=1e-12)


def test_rows_of_weight_zero_add_nothing() -> None:
    plain, weighted = BalancedAccuracyPerLabel(4), BalancedAccuracyPerLabel(4)
    plain.update(SCORES[:30], TRUTH[:30])
    weighted.update(SCORES, TRUTH, (torch.arange(40) < 30).float())
    assert torch.equal(plain.counts, weighted.counts)


def test_no_rows_give_zero() -> None:
    metric = BalancedAccuracyPerLabel(2)
    metric.update(torch.empty(0, 2), torch.empty(0, 2))
    value: Tensor = metric.compute()
    assert value.item() == 0.0


def test_names() -> None:
    assert BalancedAccuracyPerLabel(2).key == "balanced_accuracy"
    assert BalancedAccuracyPerLabel(2).protocol == "balanced_accuracy[threshold=0,mean]"
    each = BalancedAccuracyPerLabel(2, threshold=0.5, reduced=False)
    assert (each.key, each.protocol) == (
        "balanced_accuracy_per_label",
        "balanced_accuracy[threshold=0.5,per_label]",
    )


def test_different_thresholds_stay_apart_in_a_collection() -> None:
    # On the first batch the two agree, which is what torchmetrics goes by.
    collection = MetricCollection(
        {"low": BalancedAccuracyPerLabel(1), "high": BalancedAccuracyPerLabel(1, threshold=0.5)}
    )
    collection.update(torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [0.0]]))
    collection.update(torch.tensor([[0.2], [0.2]]), torch.tensor([[1.0], [1.0]]))
    got = {name: value.item() for name, value in collection.compute().items()}
    assert got == pytest.approx({"low": 1.0, "high": (1 / 3 + 1) / 2})


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3, 2\)"):
        BalancedAccuracyPerLabel(4).update(torch.zeros(3, 2), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="num_labels=0"):
        BalancedAccuracyPerLabel(0)


def rank_score(split: tuple[int, ...]) -> float:
    rank = distributed.rank()
    start = sum(split[:rank])
    metric = BalancedAccuracyPerLabel(4)
    if split[rank] > 0:
        metric.update(SCORES[start : start + split[rank]], TRUTH[start : start + split[rank]])
    value: Tensor = metric.compute()
    return value.item()


@pytest.mark.distributed
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("split", [(25, 15), (0, 40)])
def test_ranks_give_exactly_what_one_process_gives(run_ranks: RunRanks, split: tuple[int, int]) -> None:
    assert run_ranks(rank_score, split) == [rank_score((40,))] * 2

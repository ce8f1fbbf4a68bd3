from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.metrics import MultilabelF1, multilabel_metrics

GENERATOR = torch.Generator().manual_seed(0)
SCORES = torch.randn(50, 4, generator=GENERATOR)
TRUTH = (torch.rand(50, 4, generator=GENERATOR) < 0.3).float()
TRUTH[:, 2] = 0.0


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_matches_scikit_learn(average: str, threshold: float) -> None:
    from sklearn.metrics import f1_score

    metric = MultilabelF1(4, average=average, threshold=threshold)  # type: ignore[arg-type]
    metric.update(SCORES[:20].reshape(4, 5, 4), TRUTH[:20].reshape(4, 5, 4))
    metric.update(SCORES[20:], TRUTH[20:])
    value: Tensor = metric.compute()
    said = (threshold < SCORES).int().numpy()
    expected = f1_score(TRUTH.int().numpy(), said, average=average, zero_division=0.0)
    assert value.item() == pytest.approx(expected, abs=1e-12)


def test_a_label_nobody_annotated_is_left_out_and_absent_cells_count_for_nothing() -> None:
    truth = TRUTH.clone()
    truth[:, 3] = math.nan
    truth[:10, 0] = math.nan
    metric = MultilabelF1(4)
    metric.update(SCORES, truth)
    parts = []
    for label, rows in ((0, slice(10, 50)), (1, slice(0, 50)), (2, slice(0, 50))):
        alone = MultilabelF1(1)
        alone.update(SCORES[rows, label : label + 1], truth[rows, label : label + 1])
        parts.append(float(alone.compute()))
    assert float(metric.compute()) == pytest.approx(sum(parts) / 3, abs=1e-12)


def test_no_rows_give_zero_and_an_unknown_average_is_refused() -> None:
    metric = MultilabelF1(2)
    metric.update(torch.empty(0, 2), torch.empty(0, 2))
    assert float(metric.compute()) == 0.0
    with pytest.raises(ValueError, match=r"average='weighted'"):
        MultilabelF1(2, average="weighted")  # type: ignore[arg-type]


def test_the_usual_metrics_share_their_counts() -> None:
    metrics: MetricCollection = multilabel_metrics(4, threshold=0.2)
    metrics.update(SCORES, TRUTH)
    assert len(metrics.compute_groups) == 1
    found = {name: float(value) for name, value in metrics.compute().items()}
    alone = MultilabelF1(4, threshold=0.2)
    alone.update(SCORES, TRUTH)
    assert found["macro_f1"] == float(alone.compute())
    assert set(found) == {"macro_f1", "micro_f1", "balanced_accuracy"}

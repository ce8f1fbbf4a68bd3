from __future__ import annotations

import pytest
import torch

from affectkit.tasks import MeanLoss


def test_mean_is_over_rows() -> None:
    metric = MeanLoss()
    values, rows = torch.tensor([0.5, 2.0, 8.0, float("nan")]), torch.tensor([3.0, 5.0, 1.0, 0.0])
    for value, count in zip(values, rows):
        metric.update(value, count)
    assert metric.compute().item() == pytest.approx((1.5 + 10.0 + 8.0) / 9)
    assert metric.compute().dtype == torch.float64


def test_ranks_add_up() -> None:
    whole, left, right = MeanLoss(), MeanLoss(), MeanLoss()
    for number, metric in enumerate((left, right, right)):
        for each in (metric, whole):
            each.update(torch.tensor(float(number)), torch.tensor(number + 1.0))
    left.merge_state(right)
    assert left.compute() == whole.compute()


def test_restored_sums_go_on_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    metric, other = MeanLoss(), MeanLoss()
    metric.update(torch.tensor(3.0), torch.tensor(2.0))
    other.restore(metric.sums())
    assert other.compute().item() == 3.0
    assert not [warning for warning in recwarn if "compute" in str(warning.message)]
    other.reset()
    assert other.sums() == [0.0, 0.0]

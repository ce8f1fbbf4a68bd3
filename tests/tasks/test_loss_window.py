from __future__ import annotations

import pytest
import torch

from affectkit.tasks import LossWindow, MeanLoss
from affectkit.types import LossTerms


def _terms(mean: float, rows: float) -> LossTerms:
    return LossTerms(torch.tensor(mean), {"part": torch.tensor(2 * mean)}, torch.tensor(rows))


def test_means_are_over_rows_and_the_window_empties() -> None:
    window = LossWindow()
    for mean, rows in ((1.0, 3.0), (4.0, 1.0), (float("nan"), 0.0)):
        window.add(_terms(mean, rows))
    weight, means = window.close()
    assert weight.item() == 4.0
    assert means["loss"].item() == pytest.approx(7 / 4)
    assert means["loss_part"].item() == pytest.approx(14 / 4)
    assert not window.is_open
    with pytest.raises(RuntimeError, match="before any batch"):
        window.close()


def test_no_row_at_all_divides_by_one() -> None:
    window = LossWindow()
    window.add(_terms(float("nan"), 0.0))
    weight, means = window.close()
    assert (weight.item(), means["loss"].item()) == (1.0, 0.0)


def test_a_loss_that_is_nan_with_rows_stays_visible() -> None:
    window = LossWindow()
    window.add(_terms(float("nan"), 2.0))
    assert window.close()[1]["loss"].isnan()
    metric = MeanLoss()
    metric.update(torch.tensor(float("nan")), torch.tensor(2.0))
    assert metric.compute().isnan()


def test_sums_keep_digits_that_float32_loses() -> None:
    window = LossWindow()
    metric = MeanLoss()
    window.add(_terms(1.0, 2.0**24))
    metric.update(torch.tensor(1.0), torch.tensor(2.0**24))
    window.add(_terms(1.0, 1.0))
    metric.update(torch.tensor(1.0), torch.tensor(1.0))
    assert window.close()[0].item() == 2.0**24 + 1
    assert metric.weight.item() == 2.0**24 + 1


def test_gradients_are_not_kept() -> None:
    value = torch.tensor(2.0, requires_grad=True)
    window = LossWindow()
    window.add(LossTerms(value * 3, {}, torch.tensor(1.0)))
    assert not window.close()[1]["loss"].requires_grad

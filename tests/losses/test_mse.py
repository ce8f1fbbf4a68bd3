from __future__ import annotations

import math

import pytest
import torch

from affectkit.losses import MSELoss
from affectkit.types import AffectOutput, Target


def test_mean_over_a_rows_dimensions_then_over_rows() -> None:
    target = torch.tensor([[1.0, 2.0], [math.nan, 3.0], [math.nan, math.nan], [0.0, 0.0]])
    prediction = torch.tensor([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [1.0, 0.0]])
    terms = MSELoss()(AffectOutput(dims=prediction), Target(dims=target))
    assert terms.total.item() == pytest.approx(((1 + 4) / 2 + 9 + 1 / 2) / 3)
    assert float(terms.weight) == 3.0


def test_a_row_weight_scales_its_row() -> None:
    output = AffectOutput(dims=torch.tensor([[1.0], [1.0]]))
    terms = MSELoss()(output, Target(dims=torch.zeros(2, 1), weight=torch.tensor([1.0, 0.5])))
    assert terms.total.item() == pytest.approx(0.75)

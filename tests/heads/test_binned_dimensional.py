"""Affect axes in bins."""

from __future__ import annotations

import pytest
import torch

from affectkit.heads import BinnedDimensionalHead
from affectkit.types import AffectOutput, Encoding


def test_the_value_is_the_mean_of_the_centres() -> None:
    torch.manual_seed(0)
    head = BinnedDimensionalHead(6, 2, num_bins=4, bounds=(1.0, 5.0))
    features = torch.randn(3, 5, 6)
    output: AffectOutput = head(Encoding(features))
    assert output.dims is not None and output.extra is not None and output.logits is None
    weight, bias = head.classifier.weight.reshape(2, 4, 6), head.classifier.bias.reshape(2, 4)
    for axis in range(2):
        logits = features @ weight[axis].T + bias[axis]
        torch.testing.assert_close(output.extra["bins"][..., axis, :], logits)
        expected = sum(
            chance * centre
            for chance, centre in zip(logits.softmax(-1).unbind(-1), (1.5, 2.5, 3.5, 4.5), strict=True)
        )
        torch.testing.assert_close(output.dims[..., axis], expected)
    assert bool(((output.dims > 1) & (output.dims < 5)).all())


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="num_dims=0"):
        BinnedDimensionalHead(6, 0, num_bins=4, bounds=(0.0, 1.0))
    with pytest.raises(ValueError, match="at least two"):
        BinnedDimensionalHead(6, 2, num_bins=1, bounds=(0.0, 1.0))

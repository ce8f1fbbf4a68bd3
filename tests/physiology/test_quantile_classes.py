"""Classes by quantile: of the training rows alone, and kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from affectkit.physiology import QuantileClasses

VALUES = torch.randn(101, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_limits_are_the_quantiles_and_classes_about_equal(count: int) -> None:
    classes = QuantileClasses(count)
    classes.fit(torch.cat([VALUES, torch.tensor([torch.nan])]))
    limits = np.quantile(VALUES.double().numpy(), np.arange(1, count) / count)
    np.testing.assert_allclose(classes.thresholds.numpy(), limits, rtol=1e-12)
    found = classes(VALUES)
    for value, label in zip(VALUES.tolist(), found.tolist()):
        assert label == sum(value >= limit for limit in limits)
    sizes = found.bincount(minlength=count)
    assert int(sizes.max() - sizes.min()) <= 1


def test_a_value_on_a_limit_belongs_above_and_absent_values_are_ignored() -> None:
    classes = QuantileClasses(2)
    classes.fit(torch.tensor([1.0, 2.0, 3.0]))
    assert classes(torch.tensor([[2.0, 1.9], [torch.nan, 7.0]])).tolist() == [[1, 0], [-100, 1]]


def test_the_limits_travel_with_the_state() -> None:
    classes, other = QuantileClasses(3), QuantileClasses(3)
    classes.fit(VALUES)
    with pytest.raises(ValueError, match="no limits yet"):
        other(VALUES)
    other.load_state_dict(classes.state_dict())
    assert torch.equal(other(VALUES), classes(VALUES))


@pytest.mark.parametrize("values", [[], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 2.0]])
def test_too_few_different_values_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=f"cannot cut {len(values)} known values"):
        QuantileClasses(3).fit(torch.tensor(values))

"""Components of training rows, kept with the weights."""

from __future__ import annotations

import pytest
import torch

from affectkit.encoders import PrincipalComponentsEncoder
from affectkit.functional import principal_axes

ROWS = torch.randn(30, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, 7.0)


@pytest.mark.parametrize("standardize", [True, False])
def test_rows_are_projected_by_the_numbers_of_the_training_rows(standardize: bool) -> None:
    encoder = PrincipalComponentsEncoder(6, 3, standardize=standardize)
    encoder.fit(ROWS[:20])
    found = principal_axes(ROWS[:20], 3)
    expected = (ROWS.double() - found.mean) @ found.axes
    expected = expected / found.deviation if standardize else expected
    pooled = encoder(ROWS).pooled
    torch.testing.assert_close(pooled, expected.float(), rtol=1e-4, atol=1e-4)
    if standardize:
        torch.testing.assert_close(pooled[:20].std(0, correction=0), torch.ones(3), rtol=1e-4, atol=0)
        assert not torch.allclose(pooled[20:].std(0, correction=0), torch.ones(3), rtol=1e-2)


def test_what_was_found_travels_with_the_state() -> None:
    encoder, other = PrincipalComponentsEncoder(6, 3), PrincipalComponentsEncoder(6, 3)
    encoder.fit(ROWS)
    with pytest.raises(ValueError, match="no components yet"):
        other(ROWS)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(ROWS).pooled, encoder(ROWS).pooled)


def test_columns_that_never_change_stay_finite() -> None:
    rows = ROWS.clone()
    rows[:, 2:] = 1.0
    encoder = PrincipalComponentsEncoder(6, 4)
    encoder.fit(rows)
    assert bool(encoder(rows).pooled.isfinite().all()) and float(encoder(rows).pooled.abs().max()) < 10


def test_refusals() -> None:
    with pytest.raises(ValueError, match="in_dim=3 and out_dim=4"):
        PrincipalComponentsEncoder(3, 4)
    with pytest.raises(ValueError, match=r"rows of shape \(30, 6\)"):
        PrincipalComponentsEncoder(5, 2).fit(ROWS)
    with pytest.raises(ValueError, match="features of width 6"):
        PrincipalComponentsEncoder(5, 2)(ROWS)


def test_small_components_survive_autocast() -> None:
    rows = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    rows = rows * torch.tensor([1000.0, 100.0, 10.0, 5.0, 2.0, 1.0])
    encoder = PrincipalComponentsEncoder(6, 6, standardize=True)
    encoder.fit(rows)
    expected = encoder(rows).pooled
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(encoder(rows).pooled, expected)


def test_an_axis_without_variation_is_no_feature() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(60, 2, generator=generator) @ torch.randn(2, 40, generator=generator) + 100
    encoder = PrincipalComponentsEncoder(40, 4, standardize=True)
    encoder.fit(rows)
    found = encoder(rows).pooled
    assert found[:, 2:].abs().max() == 0 and found[:, :2].std(0).min() > 0.9

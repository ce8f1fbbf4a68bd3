"""Agreement: the published example, a loop over pairs, and the library of that name where it is installed."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectkit.functional import MeasurementLevel, alpha_of_counts, krippendorff_alpha

NAN = math.nan
#: Four observers, twelve units: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.
PUBLISHED = torch.tensor(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
LEVELS: tuple[MeasurementLevel, ...] = ("nominal", "ordinal", "interval")


@pytest.mark.parametrize(("level", "alpha"), [*zip(LEVELS, (0.743, 0.815, 0.849))])
def test_the_published_example(level: MeasurementLevel, alpha: float) -> None:
    assert krippendorff_alpha(PUBLISHED, level=level).item() == pytest.approx(alpha, abs=5e-4)


def draw() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 4, (40,), generator=generator)
    noise = torch.randint(-1, 2, (5, 40), generator=generator)
    ratings = (truth + noise).clamp(0, 3).double() * 1.5
    return ratings.masked_fill(torch.rand(5, 40, generator=generator) < 0.3, NAN)


def naive(ratings: list[list[float]], level: MeasurementLevel) -> float:
    """Observed and expected differences of pairs of ratings, pair by pair."""
    units = [[r for r in column if not math.isnan(r)] for column in zip(*ratings, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    every = [rating for unit in units for rating in unit]

    def distance(a: float, b: float) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = sum(low <= rating <= high for rating in every)
        return (between - (every.count(a) + every.count(b)) / 2) ** 2 if a != b else 0.0

    observed = sum(sum(distance(a, b) for a in unit for b in unit) / (len(unit) - 1) for unit in units)
    expected = sum(distance(a, b) for a in every for b in every) / (len(every) - 1)
    return 1 - observed / expected


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_the_formula_over_pairs(level: MeasurementLevel) -> None:
    ratings = draw()
    assert krippendorff_alpha(ratings, level=level).item() == pytest.approx(naive(ratings.tolist(), level))


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_what_the_library_of_that_name_says(level: MeasurementLevel) -> None:
    peer = pytest.importorskip("krippendorff", reason="no krippendorff to compare with")
    ratings = draw()
    expected = peer.alpha(reliability_data=ratings.numpy(), level_of_measurement=level)
    assert krippendorff_alpha(ratings, level=level).item() == pytest.approx(expected)


def test_votes_say_the_same_as_ratings() -> None:
    ratings = draw()
    values = torch.tensor([0.0, 1.5, 3.0, 4.5])
    counts = torch.stack([(ratings == value).sum(0) for value in values], 1)
    for level in LEVELS:
        both = (alpha_of_counts(counts, values, level=level), krippendorff_alpha(ratings, level=level))
        assert both[0].item() == pytest.approx(both[1].item())


def test_no_pair_and_no_difference_have_no_agreement_to_measure() -> None:
    assert krippendorff_alpha(torch.tensor([[1.0, NAN], [NAN, 2.0]])).isnan()
    assert krippendorff_alpha(torch.ones(3, 4)).isnan()
    assert krippendorff_alpha(torch.tensor([[1.0, 2.0], [1.0, 2.0]])).item() == 1.0
    with pytest.raises(ValueError, match="level 'ratio'"):
        krippendorff_alpha(torch.ones(3, 4), level="ratio")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"give \(raters, units\)"):
        krippendorff_alpha(torch.ones(3))
    with pytest.raises(ValueError, match=r"\(units, V\) and \(V,\)"):
        alpha_of_counts(torch.ones(3, 2), torch.ones(3))

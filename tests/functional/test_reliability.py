from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.functional.classification import binary_calibration_error

from affectkit.functional import (
    BinClosing,
    equal_mass_sums,
    expected_calibration_error,
    reliability_sums,
)

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "emocaliber_calibration.json").read_text(encoding="utf-8")
)["scalar"]


def naive_sums(
    confidence: list[float], correct: list[bool], bins: int, closed: BinClosing
) -> list[list[float]]:
    found = [[0.0, 0.0, 0.0] for _ in range(bins)]
    for value, right in zip(confidence, correct, strict=True):
        for k in range(bins):
            low, high = k / bins, (k + 1) / bins
            inside = low < value <= high if closed == "right" else low <= value < high
            edge = (closed == "right" and k == 0 and value == 0) or (
                closed == "left" and k == bins - 1 and value == 1
            )
            if inside or edge:
                found[k] = [found[k][0] + 1, found[k][1] + value, found[k][2] + right]
    return found


#: Sixteenths are exact, so that edges are met exactly.
ROWS = st.lists(st.tuples(st.integers(0, 16).map(lambda n: n / 16), st.booleans()), max_size=30)


@given(ROWS, st.sampled_from([1, 2, 4, 8]), st.sampled_from(["right", "left"]))
def test_every_row_is_in_the_bin_that_the_convention_says(
    rows: list[tuple[float, bool]], bins: int, closed: BinClosing
) -> None:
    confidence, correct = [value for value, _ in rows], [right for _, right in rows]
    found = reliability_sums(torch.tensor(confidence), torch.tensor(correct), num_bins=bins, closed=closed)
    assert found.tolist() == naive_sums(confidence, correct, bins, closed)
    assert found[:, 0].sum() == len(rows)


def test_the_conventions_differ_on_an_edge_alone() -> None:
    confidence, correct = torch.tensor([0.5]), torch.tensor([1])
    closings: tuple[BinClosing, ...] = ("right", "left")
    found = {
        closed: reliability_sums(confidence, correct, num_bins=2, closed=closed)[:, 0].tolist()
        for closed in closings
    }
    assert found == {"right": [1, 0], "left": [0, 1]}


def test_the_error_is_that_of_torchmetrics_off_the_edges() -> None:
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(500, generator=generator, dtype=torch.float64)
    correct = torch.rand(500, generator=generator) < confidence.sqrt()
    # The peer's bins are for the probability of class 1, ours for the answer: both are given the answer's.
    peer: Tensor = binary_calibration_error(confidence, correct.long(), n_bins=15, norm="l1")
    sums = reliability_sums(confidence, correct)
    assert expected_calibration_error(sums).item() == pytest.approx(peer.item(), abs=1e-6)
    assert expected_calibration_error(sums).item() > 0.05


@pytest.mark.golden
@pytest.mark.parametrize("case", sorted(GOLDEN))
def test_the_evaluation_of_emocaliber(case: str) -> None:
    confidence = torch.tensor(GOLDEN[case]["conf"], dtype=torch.float64)
    correct = torch.tensor(GOLDEN[case]["correct"])
    for bins, name in ((10, "ece10_official"), (5, "ece5")):
        sums = reliability_sums(confidence, correct, num_bins=bins, closed="emocaliber")
        error = expected_calibration_error(sums, rows=len(confidence)).item()
        assert error == pytest.approx(GOLDEN[case][name], abs=1e-12)


def test_rows_of_confidence_one_are_lost_in_the_published_form_alone() -> None:
    one, wrong = torch.ones(3), torch.zeros(3)
    published = reliability_sums(one, wrong, num_bins=10, closed="emocaliber")
    assert expected_calibration_error(published, rows=3) == 0
    closings: tuple[BinClosing, ...] = ("left", "right")
    for closed in closings:
        assert expected_calibration_error(reliability_sums(one, wrong, num_bins=10, closed=closed)) == 1


def test_an_edge_is_the_number_that_is_written() -> None:
    # 7 * 0.1 is above 0.7, 7 / 10 is not.
    found = reliability_sums(
        torch.tensor([0.7], dtype=torch.float64), torch.ones(1), num_bins=10, closed="left"
    )
    assert found[7, 0] == 1


def test_sums_of_parts_add_up() -> None:
    confidence = torch.rand(40, generator=torch.Generator().manual_seed(1))
    correct = torch.arange(40) % 3 == 0
    whole = reliability_sums(confidence, correct)
    parts = reliability_sums(confidence[:7], correct[:7]) + reliability_sums(confidence[7:], correct[7:])
    assert torch.allclose(whole, parts, rtol=0, atol=1e-12)


def test_bins_of_equal_mass_hold_equally_many_rows_and_keep_equals_together() -> None:
    confidence = torch.rand(100, generator=torch.Generator().manual_seed(2))
    sums = equal_mass_sums(confidence, torch.ones(100), num_bins=8)
    assert sums[:, 0].tolist() == [13, 12, 13, 12, 13, 12, 13, 12]
    order = confidence.sort().values
    assert sums[0, 1].item() == pytest.approx(order[:13].double().sum().item())
    tied = torch.tensor([0.9, 0.5, 0.5, 0.5, 0.5, 0.4])
    correct = torch.tensor([1, 0, 1, 0, 1, 1])
    for order in (torch.arange(6), torch.tensor([3, 1, 0, 5, 4, 2])):
        # Four equals at the edge of three bins of two: all of them in the bin of the first.
        assert equal_mass_sums(tied[order], correct[order], num_bins=3)[:, 0].tolist() == [5, 0, 1]


def test_nothing_gives_zero() -> None:
    nothing = torch.zeros(0)
    assert expected_calibration_error(reliability_sums(nothing, nothing)) == 0
    assert expected_calibration_error(equal_mass_sums(nothing, nothing)) == 0


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="give probabilities, not logits"):
        reliability_sums(torch.tensor([1.2]), torch.tensor([1]))
    with pytest.raises(ValueError, match="give probabilities, not logits"):
        reliability_sums(torch.tensor([torch.nan]), torch.tensor([1]))
    with pytest.raises(ValueError, match="give one of each per row"):
        reliability_sums(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="closed as one of 'right', 'left'"):
        reliability_sums(torch.zeros(2), torch.zeros(2), closed="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a bin or more"):
        equal_mass_sums(torch.zeros(2), torch.zeros(2), num_bins=0)

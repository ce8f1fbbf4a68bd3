"""Pacings: borders, growth, refusals."""

from __future__ import annotations

import pytest

from affectkit.functional import competence_pacing, step_pacing

PLACES = [index / 40 for index in range(41)]


@pytest.mark.parametrize("steps", [1, 3, 12])
def test_steps_open_equal_shares(steps: int) -> None:
    shares = [step_pacing(place, steps=steps) for place in PLACES]
    assert shares[0] == pytest.approx(1 / steps) and shares[-1] == 1.0
    assert shares == sorted(shares)
    assert len(set(shares)) == steps


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_competence_grows_from_start_to_everything(power: float) -> None:
    shares = [competence_pacing(place, start=0.1, full_at=0.5, power=power) for place in PLACES]
    assert shares[0] == pytest.approx(0.1)
    assert shares == sorted(shares)
    assert [share == 1.0 for share in shares] == [place >= 0.5 for place in PLACES]
    middle = competence_pacing(0.25, start=0.1, full_at=0.5, power=power)
    assert middle**power == pytest.approx((0.1**power + 1) / 2)


@pytest.mark.parametrize("progress", [-0.1, 1.1, float("nan")])
def test_refuses_a_place_outside_training(progress: float) -> None:
    with pytest.raises(ValueError, match="as a share"):
        step_pacing(progress, steps=2)
    with pytest.raises(ValueError, match="as a share"):
        competence_pacing(progress)


@pytest.mark.parametrize("wrong", [{"start": 0.0}, {"full_at": 0.0}, {"power": 0.0}, {"start": 1.5}])
def test_refuses_wrong_numbers(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="competence_pacing got"):
        competence_pacing(0.5, **wrong)
    with pytest.raises(ValueError, match="steps=0"):
        step_pacing(0.5, steps=0)

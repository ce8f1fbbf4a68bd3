"""Engagement and asymmetry against loops over electrodes."""

from __future__ import annotations

import math

import pytest
import torch

from affectkit.physiology import BandPower, EngagementIndex, FrontalAsymmetry

POWER = torch.rand(2, 14, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
BANDS = ("beta", "theta", "alpha")


def test_engagement_equals_a_loop() -> None:
    found = EngagementIndex(BANDS)(POWER)
    for row, electrodes in enumerate(POWER.tolist()):
        beta, slow = 0.0, 0.0
        for of_beta, of_theta, of_alpha in electrodes:
            beta += of_beta
            slow += of_theta + of_alpha
        assert found[row].item() == pytest.approx(beta / slow, rel=1e-12)


def test_asymmetry_equals_a_loop_over_pairs() -> None:
    # AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4
    found = FrontalAsymmetry("dreamer14", pairs=[("f3", "F4"), ("F7", "F8")], bands=BANDS)(POWER)
    for row, electrodes in enumerate(POWER.tolist()):
        pairs = [(electrodes[2][2], electrodes[11][2]), (electrodes[1][2], electrodes[12][2])]
        expected = sum(math.log(right) - math.log(left) for left, right in pairs) / 2
        assert found[row].item() == pytest.approx(expected, rel=1e-12)


def test_both_read_what_was_measured_of_a_signal() -> None:
    seconds = torch.arange(512) / 128
    wave = {hertz: torch.sin(2 * math.pi * hertz * seconds) for hertz in (6, 10, 20)}
    left = 2 * wave[6] + 2 * wave[10] + 3 * wave[20]
    right = 2 * wave[6] + 4 * wave[10] + 3 * wave[20]
    power = BandPower(128)(torch.stack([left, right]))
    # Powers are half of squares: theta 2 + 2, alpha 2 + 8, beta 4.5 + 4.5.
    assert EngagementIndex()(power).item() == pytest.approx(9 / 14, rel=1e-3)
    assert FrontalAsymmetry(["F3", "F4"])(power).item() == pytest.approx(math.log(4), rel=1e-3)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="EngagementIndex needs the band 'theta' once among alpha, beta"):
        EngagementIndex(("alpha", "beta"))
    with pytest.raises(ValueError, match="no electrode 'F4' among F3 Cz"):
        FrontalAsymmetry(["F3", "Cz"])
    with pytest.raises(ValueError, match="1 recordings without any power in alpha and theta"):
        EngagementIndex()(torch.tensor([[0.0, 0.0, 1.0]]))
    with pytest.raises(ValueError, match="no alpha at all at an electrode of the pairs"):
        FrontalAsymmetry(["F3", "F4"])(torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]]))
    for module in (EngagementIndex(), FrontalAsymmetry(["F3", "F4"])):
        name = type(module).__name__
        with pytest.raises(ValueError, match=f"{name} got power that is negative, NaN or infinite"):
            module(torch.tensor([[1.0, torch.nan, 1.0], [1.0, 1.0, 1.0]]))
        with pytest.raises(ValueError, match=f"{name} got power of shape"):
            module(torch.ones(2, 4))

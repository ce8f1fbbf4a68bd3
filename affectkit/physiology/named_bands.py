"""Bands out of the power that several were measured of, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def band_places(bands: Sequence[str], wanted: Sequence[str], *, owner: str) -> tuple[int, ...]:
    """Place of each wanted band among those that were measured.

    Raises:
        ValueError: If one was not measured, or one was twice.
    """
    missing = [name for name in wanted if list(bands).count(name) != 1]
    if missing:
        raise ValueError(
            f"{owner} needs the band {missing[0]!r} once among {', '.join(bands) or 'none'}: name the bands "
            "in the order in which their power was measured, e.g. BandPower(...).names."
        )
    return tuple(list(bands).index(name) for name in wanted)


def check_power(power: Tensor, *, electrodes: int | None, bands: int, owner: str) -> None:
    """Refuse what is no power of the electrodes and bands.

    Raises:
        ValueError: If axes differ, or a number is negative, NaN or infinite.
    """
    fits = power.ndim >= 2 and power.shape[-1] == bands and electrodes in (None, power.shape[-2])
    if not fits:
        wanted = "E" if electrodes is None else electrodes
        raise ValueError(
            f"{owner} got power of shape {tuple(power.shape)}: give (..., {wanted}, {bands}), a row an "
            "electrode and a column a band."
        )
    if not bool(((power >= 0) & power.isfinite()).all()):
        raise ValueError(
            f"{owner} got power that is negative, NaN or infinite: leave out recordings whose power could "
            "not be measured."
        )

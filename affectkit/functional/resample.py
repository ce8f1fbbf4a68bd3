"""Sound at another rate."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

#: Samples that are made in one go: the taps of a longer sound would fill the memory.
_CHUNK = 2**16


def resample(samples: Tensor, rate: int, new_rate: int, *, zero_crossings: int = 24) -> Tensor:
    r"""Bring sound from one rate to another by a windowed sinc, without what the lower rate cannot hold.

    .. math:: y_m = \sum_n x_n\, h\!\left(n - m \frac{\mathrm{rate}}{\mathrm{new}}\right), \quad
        h(t) = c\, \mathrm{sinc}(ct)\, \cos^2\!\left(\frac{\pi c t}{2 Z}\right) \text{ for } |ct| < Z

    with the cut-off :math:`c = 0.95 \min(1, \mathrm{new} / \mathrm{rate})` in units of half the old rate.
    The taps of each place sum to 1, so a constant stays what it is; beyond its ends the sound is silent.

    Args:
        samples: Sound.
        rate: Its samples per second.
        new_rate: Wanted samples per second.
        zero_crossings: Z, half the length of the filter; more is sharper and slower.

    Shape:
        - samples: (..., T)
        - result: (..., ceil(T * new / rate))

    Raises:
        ValueError: If a number is below 1.

    References:
        Julius O. Smith. Digital Audio Resampling Home Page. https://ccrma.stanford.edu/~jos/resample/.

    Examples:
        >>> resample(torch.zeros(2, 22050), 22050, 16000).shape
        torch.Size([2, 16000])
    """
    if rate < 1 or new_rate < 1 or zero_crossings < 1:
        raise ValueError(
            f"resample got rate={rate}, new_rate={new_rate}, zero_crossings={zero_crossings}: give whole "
            "numbers from 1."
        )
    divisor = math.gcd(rate, new_rate)
    old, new = rate // divisor, new_rate // divisor
    length = -(-samples.shape[-1] * new // old)
    if old == new or not length:
        return samples[..., :length]
    table, reach = _taps(old, new, zero_crossings)
    table = table.to(samples)
    # Whole numbers: the place of the last sample of an hour is as exact as that of the first.
    place = torch.arange(length, device=samples.device) * old
    first, phase = place // new, place % new
    silence = (reach, reach + 1)
    windows = torch.nn.functional.pad(samples, silence).unfold(-1, table.shape[1], 1)
    parts = [
        (windows[..., first[start : start + _CHUNK], :] * table[phase[start : start + _CHUNK]]).sum(-1)
        for start in range(0, length, _CHUNK)
    ]
    return torch.cat(parts, dim=-1)


@lru_cache(maxsize=8)
def _taps(old: int, new: int, zero_crossings: int) -> tuple[Tensor, int]:
    """Taps (new, 2 reach + 2) of each phase, for the samples from -reach on, and the reach."""
    cut = 0.95 * min(1.0, new / old)
    reach = math.ceil(zero_crossings / cut)
    offset = torch.arange(-reach, reach + 2, dtype=torch.float64)
    time = cut * (offset - torch.arange(new, dtype=torch.float64).unsqueeze(1) / new)
    inside = time.abs() < zero_crossings
    taps = torch.sinc(time) * torch.cos(math.pi * time / (2 * zero_crossings)).square() * inside
    return (taps / taps.sum(dim=1, keepdim=True)).float(), reach

"""How loud each mel band is, frame by frame."""

from __future__ import annotations

import torch
from torch import Tensor


def log_mel_frames(
    samples: Tensor, window: Tensor, filters: Tensor, *, hop: int, floor: float = 1e-10
) -> Tensor:
    r"""Natural logarithm of the power in each mel band of each frame.

    .. math:: y_{tm} = \log \max\left(\epsilon, \frac{1}{\sum_n w_n^2}
        \sum_k |X_{tk}|^2 F_{km}\right), \quad X_{tk} = \sum_n w_n\, x_{th + n}\, e^{-2 \pi i k n / N}

    Frame t covers the samples from th on, W of them; nothing is put before the first sample, and what does
    not fill a frame at the end is not heard. The power is per sample of the window, so that samples in
    [-1, 1] give the same levels with any window length.

    Args:
        samples: Sound in [-1, 1].
        window: Weights w of the samples of a frame.
        filters: F, weights of the bins of an even transform; see :func:`affectkit.functional.mel_filters`.
        hop: Samples h from one frame to the next.
        floor: :math:`\epsilon`, the power that silence is given.

    Shape:
        - samples: (B, T)
        - window: (W,)
        - filters: (N // 2 + 1, M) of a transform of N >= W samples
        - result: (B, 1 + (T - W) // h, M); no frame where T < W

    Examples:
        >>> log_mel_frames(torch.zeros(1, 400), torch.ones(200), torch.ones(129, 2), hop=100).shape
        torch.Size([1, 3, 2])
    """
    length = len(window)
    if samples.shape[1] < length:
        return samples.new_zeros(len(samples), 0, filters.shape[1])
    frames = samples.unfold(1, length, hop) * window
    spectrum = torch.fft.rfft(frames, n=2 * (len(filters) - 1))
    power = spectrum.real.square() + spectrum.imag.square()
    level: Tensor = (power @ filters) / window.square().sum()
    return level.clamp(min=floor).log()

"""Power of EEG in named frequency bands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from torch import Tensor, nn

from affectkit.functional import band_power

#: Bands that the indices of this room read, in Hz, each up to but without its second number.
INDEX_BANDS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"theta": (4.0, 8.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0)}
)


class BandPower(nn.Module):
    r"""Mean square of a signal in each of its frequency bands, by Welch's averaged periodograms.

    .. math:: P_b = \sum_{l_b \le f_k < h_b} S(f_k)\, \Delta f

    See :func:`affectkit.functional.band_power`. A signal in :math:`\mu V` gives :math:`\mu V^2`.
    Samples that were taken out of a recording (a blink, a lost electrode) are NaN.

    Args:
        sample_rate: Samples a second, in Hz.
        bands: Lowest frequency, and the one from which on it is no longer the band, in Hz, by name;
            theta, alpha and beta unless given.
        window_seconds: Length of a window; 1 s resolves 1 Hz.
        gaps: What NaN do: ``"error"`` stops; ``"skip"`` leaves out the windows in which one lies.

    Shape:
        - signal: (..., E, T), or any (..., T)
        - output: (..., E, number of bands), in the order of ``names``

    Raises:
        ValueError: If there is no band, the signal is shorter than a window, or it holds NaN: any, or
            with ``"skip"`` one in every window of some electrode.

    References:
        Peter D. Welch. The Use of Fast Fourier Transform for the Estimation of Power Spectra: A
        Method Based on Time Averaging Over Short, Modified Periodograms. IEEE Transactions on Audio
        and Electroacoustics 15(2), 1967.

    Examples:
        >>> import torch
        >>> power = BandPower(128)
        >>> sine = 2 * torch.sin(2 * torch.pi * 10 * torch.arange(1280) / 128)  # 10 Hz, in microvolt
        >>> dict(zip(power.names, power(sine).round(decimals=3).tolist()))
        {'theta': 0.0, 'alpha': 2.0, 'beta': 0.0}
    """

    def __init__(
        self,
        sample_rate: float,
        *,
        bands: Mapping[str, tuple[float, float]] = INDEX_BANDS,
        window_seconds: float = 1.0,
        gaps: Literal["error", "skip"] = "error",
    ) -> None:
        super().__init__()
        if not bands or gaps not in ("error", "skip"):
            raise ValueError(
                f"BandPower got {len(bands)} bands and gaps={gaps!r}: give at least one band, and 'error' "
                "or 'skip'."
            )
        self.sample_rate = sample_rate
        #: Names of the bands in the order of the last axis.
        self.names = tuple(bands)
        self.limits = tuple((float(low), float(high)) for low, high in bands.values())
        self.window_seconds = window_seconds
        self.gaps = gaps

    def forward(self, signal: Tensor) -> Tensor:
        """Measure ``signal`` (..., T)."""
        if self.gaps == "error" and bool(signal.isnan().any()):
            raise ValueError(
                f"BandPower got a signal with {int(signal.isnan().sum())} NaN: repair the recording, or "
                "leave out the windows around its gaps with gaps='skip'."
            )
        return band_power(
            signal,
            self.sample_rate,
            bands=self.limits,
            window_seconds=self.window_seconds,
            skip_gaps=self.gaps == "skip",
        )

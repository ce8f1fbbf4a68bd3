"""EEG as pictures of band power, read by a small convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from affectkit.distill.topographic_map import TopographicMap
from affectkit.functional import band_power
from affectkit.types import Encoding

#: Theta, alpha, beta and gamma, in Hz.
EEG_BANDS = ((4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 45.0))


class TopographicEncoder(nn.Module):
    """Band power at the electrodes of a piece of EEG, drawn on the head, in a small network.

    The logarithm of the power of each band is one channel of a picture; three convolutions with group
    normalisation read it. Statistics of the batch are used nowhere, so that neither batches nor ranks
    matter.

    Args:
        layout: See :class:`~affectkit.distill.TopographicMap`.
        out_dim: Width D of the features.
        sample_rate: Samples a second of the signal, in Hz.
        bands: Bands in Hz, each up to but without its second number.
        window_seconds: See :func:`affectkit.functional.band_power`.
        size: Pixels along each side of the picture, a multiple of 4.
        hidden_dim: Channels of the convolutions, a multiple of 4.

    Shape:
        - x: (B, E, T), in microvolt
        - pooled: (B, D)

    Raises:
        ValueError: If an option is out of range, or a signal has other electrodes or padding.

    Examples:
        >>> import torch
        >>> encoder = TopographicEncoder("dreamer14", 8, size=8, hidden_dim=4)
        >>> encoder(torch.randn(2, 14, 256)).pooled.shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        layout: str | Sequence[str],
        out_dim: int = 64,
        *,
        sample_rate: float = 128.0,
        bands: Sequence[tuple[float, float]] = EEG_BANDS,
        window_seconds: float = 1.0,
        size: int = 32,
        hidden_dim: int = 16,
    ) -> None:
        super().__init__()
        if min(size, hidden_dim) < 4 or size % 4 or hidden_dim % 4 or out_dim < 1:
            raise ValueError(
                f"TopographicEncoder got size={size}, hidden_dim={hidden_dim}, out_dim={out_dim}: give "
                "multiples of 4 as the first two and at least 1 as the third."
            )
        self.sample_rate = sample_rate
        self.bands = tuple((float(low), float(high)) for low, high in bands)
        self.window_seconds = window_seconds
        self.map = TopographicMap(layout, size=size)
        widths = (hidden_dim, 2 * hidden_dim, 4 * hidden_dim)
        self.layers = nn.Sequential(
            *_block(len(self.bands), widths[0], stride=1),
            *_block(widths[0], widths[1], stride=2),
            *_block(widths[1], widths[2], stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(widths[2], out_dim),
        )
        self._out_dim = out_dim

    @property
    def out_dim(self) -> int:
        """Width D of the encoding."""
        return self._out_dim

    def pictures(self, x: Tensor) -> Tensor:
        """Logarithm of the band power (B, bands, size, size) of signals (B, E, T)."""
        power = band_power(x, self.sample_rate, bands=self.bands, window_seconds=self.window_seconds)
        # A dead electrode has no power; its logarithm stays finite.
        drawn: Tensor = self.map(power.clamp(min=1e-6).log10().transpose(-1, -2))
        return drawn

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode signals; ``mask`` (B, T) must be True everywhere, as the power of padding is no power."""
        electrodes = len(self.map.electrodes)
        if x.ndim != 3 or x.shape[1] != electrodes or (mask is not None and not bool(mask.all())):
            raise ValueError(
                f"TopographicEncoder got a signal of shape {tuple(x.shape)}"
                f"{'' if mask is None else ' with a mask'}: give (B, {electrodes}, T) without padding, "
                "cutting recordings into pieces of one length."
            )
        pooled: Tensor = self.layers(self.pictures(x))
        return Encoding(pooled)


def _block(in_dim: int, out_dim: int, *, stride: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_dim, out_dim, 3, stride=stride, padding=1),
        # Four channels a group: alone, a channel would lose the bias of its convolution again.
        nn.GroupNorm(out_dim // 4, out_dim),
        nn.GELU(),
    )

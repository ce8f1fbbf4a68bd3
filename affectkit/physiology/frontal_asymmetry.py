"""Approach and withdrawal, from alpha over both sides of the forehead."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectkit.distill.electrodes import layout_electrodes
from affectkit.physiology.band_power import INDEX_BANDS
from affectkit.physiology.named_bands import band_places, check_power


class FrontalAsymmetry(nn.Module):
    r"""Logarithm of alpha on the right minus that on the left, averaged over pairs of electrodes.

    .. math:: A = \frac{1}{|K|} \sum_{(l, r) \in K} \ln P_{r,\alpha} - \ln P_{l,\alpha}

    It has no unit. As alpha falls where the cortex is active, more than 0 is read as more activity on
    the left: approach, a pleasant emotion.

    Args:
        layout: Name of an electrode layout, e.g. ``"dreamer14"``, or names of electrodes in the order of
            the channels.
        pairs: Electrodes on the left, each with its counterpart on the right.
        bands: Names of the bands in the order in which their power was measured.

    Shape:
        - power: (..., E, number of bands), e.g. from :class:`BandPower`
        - output: (...)

    Raises:
        ValueError: If an electrode or band is missing, or the power is not finite, negative, or 0 at an
            electrode of a pair.

    References:
        John J. B. Allen, James A. Coan, Maria Nazarian. Issues and assumptions on the road from raw
        signals to metrics of frontal EEG asymmetry in emotion. Biological Psychology 67(1-2), 2004.

    Examples:
        >>> asymmetry = FrontalAsymmetry(["F3", "F4"], bands=["alpha"])
        >>> round(asymmetry(torch.tensor([[2.0], [4.0]])).item(), 4)
        0.6931
    """

    def __init__(
        self,
        layout: str | Sequence[str],
        *,
        pairs: Sequence[tuple[str, str]] = (("F3", "F4"),),
        bands: Sequence[str] = tuple(INDEX_BANDS),
    ) -> None:
        super().__init__()
        self.electrodes = layout_electrodes(layout)
        self.pairs = tuple((str(left), str(right)) for left, right in pairs)
        self.bands = tuple(bands)
        (self._alpha,) = band_places(self.bands, ("alpha",), owner="FrontalAsymmetry")
        places = {name.upper(): place for place, name in enumerate(self.electrodes)}
        missing = [name for pair in self.pairs for name in pair if name.upper() not in places]
        if missing or not self.pairs:
            raise ValueError(
                f"FrontalAsymmetry has no electrode {missing[0] if missing else 'pair'!r} among "
                f"{' '.join(self.electrodes)}: name pairs of frontal electrodes of the recording."
            )
        self._left = [places[left.upper()] for left, _ in self.pairs]
        self._right = [places[right.upper()] for _, right in self.pairs]

    def forward(self, power: Tensor) -> Tensor:
        """Compare both sides of ``power``."""
        check_power(power, electrodes=len(self.electrodes), bands=len(self.bands), owner="FrontalAsymmetry")
        alpha = power[..., self._alpha]
        sides = torch.stack([alpha[..., self._left], alpha[..., self._right]])
        if bool((sides == 0).any()):
            raise ValueError(
                f"FrontalAsymmetry got no alpha at all at an electrode of the pairs {self.pairs}: leave out "
                "recordings in which one of them was not in contact."
            )
        left, right = sides.log().unbind()
        return (right - left).mean(-1)

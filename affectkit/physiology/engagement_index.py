"""How engaged somebody is, from the rhythms of EEG."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from affectkit.physiology.band_power import INDEX_BANDS
from affectkit.physiology.named_bands import band_places, check_power


class EngagementIndex(nn.Module):
    r"""Power of beta over that of alpha and theta, each summed over the electrodes.

    .. math:: I = \frac{\sum_e P_{e,\beta}}{\sum_e P_{e,\alpha} + P_{e,\theta}}

    It has no unit and no upper limit; larger is more engaged.

    Args:
        bands: Names of the bands in the order in which their power was measured.

    Shape:
        - power: (..., E, number of bands), e.g. from :class:`BandPower`
        - output: (...)

    Raises:
        ValueError: If a band is missing, or the power is not finite, negative, or 0 in alpha and theta.

    References:
        Alan T. Pope, Edward H. Bogart, Debbie S. Bartolome. Biocybernetic system evaluates indices of
        operator engagement in automated task. Biological Psychology 40(1-2), 1995.

    Examples:
        >>> import torch
        >>> EngagementIndex(("theta", "alpha", "beta"))(torch.tensor([[2.0, 4.0, 3.0]])).item()
        0.5
    """

    def __init__(self, bands: Sequence[str] = tuple(INDEX_BANDS)) -> None:
        super().__init__()
        self.bands = tuple(bands)
        self._places = band_places(self.bands, ("theta", "alpha", "beta"), owner="EngagementIndex")

    def forward(self, power: Tensor) -> Tensor:
        """Compare the rhythms of ``power``."""
        check_power(power, electrodes=None, bands=len(self.bands), owner="EngagementIndex")
        total = power.sum(-2)
        theta, alpha, beta = (total[..., place] for place in self._places)
        slow = theta + alpha
        if bool((slow == 0).any()):
            raise ValueError(
                f"EngagementIndex got {int((slow == 0).sum())} recordings without any power in alpha and "
                "theta: leave out electrodes that were not in contact, and recordings in which none was."
            )
        return beta / slow

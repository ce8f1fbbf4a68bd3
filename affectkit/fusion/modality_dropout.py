"""Training with modalities left out at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from affectkit.functional import thin_presence
from affectkit.types import Encoding, Fusion, ModalityContext


class ModalityDropout(nn.Module):
    r"""A fusion that is shown, in training, rows with modalities missing.

    .. math:: h = \mathrm{fuse}(x, p \odot k), \qquad k_m \sim \mathrm{Bernoulli}(1 - \mathrm{rate})

    with p what is present.

    Each modality of each row, i.e. of each utterance, is marked absent with probability ``rate``,
    but never all that a row has: see :func:`~affectkit.functional.thin_presence`. What the fusion
    does about an absent modality is its own affair. In evaluation nothing is left out.

    The draws come from torch's generator, which a task of affectkit seeds at every step from its
    place, as it does for any dropout.

    Args:
        fusion: The fusion that is trained, or a conversation model that wants the modalities apart.
        rate: Probability of leaving a modality out.

    Shape:
        As the fusion's.

    Raises:
        ValueError: If the rate is not in [0, 1).

    Examples:
        >>> from affectkit.fusion import ConcatFusion
        >>> fusion = ModalityDropout(ConcatFusion({"text": 4, "audio": 3}), rate=0.5)
        >>> fusion.out_dim, fusion({"text": Encoding(torch.ones(2, 4))}).pooled.shape
        (7, torch.Size([2, 7]))
    """

    def __init__(self, fusion: Fusion, *, rate: float = 0.3) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"ModalityDropout got rate={rate}: give a probability from 0 to below 1.")
        self.fusion = fusion
        self.rate = rate

    @property
    def out_dim(self) -> int:
        """Width of the fusion's result."""
        return self.fusion.out_dim

    def forward(
        self,
        parts: Mapping[str, Encoding],
        present: Mapping[str, Tensor] | None = None,
        speaker: Tensor | None = None,
    ) -> Encoding:
        """Fuse ``parts``, in training without some of them; ``speaker`` only where the fusion takes it."""
        if speaker is None:
            return self.fusion(parts, self.shown(parts, present))
        return cast(ModalityContext, self.fusion)(parts, self.shown(parts, present), speaker)

    def shown(
        self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None
    ) -> Mapping[str, Tensor] | None:
        """Draw who is shown what: ``present`` of :meth:`forward`, in training without some modalities."""
        names = sorted(parts)
        if not self.training or not self.rate or not names:
            return present
        rows = parts[names[0]].pooled.shape[:-1]
        device = parts[names[0]].pooled.device
        known = dict(present or {})
        flags = [known.get(name, torch.ones(rows, dtype=torch.bool, device=device)) for name in names]
        if any(flag.shape != rows for flag in flags):
            return present  # the fusion says what is wrong
        there = torch.stack(flags, dim=-1).bool()
        kept = thin_presence(there, torch.rand(there.shape, device=device), rate=self.rate)
        known.update({name: kept[..., index] for index, name in enumerate(names)})
        return known

"""Features of several depths of a picture network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from affectkit.encoders import timm_bridge as bridge
from affectkit.encoders.clip.pixel_normalization import PixelNormalization
from affectkit.encoders.timm_image import check_pictures
from affectkit.types import Encoding


class TimmStageEncoder(nn.Module):
    r"""Mean over all places of chosen stages of a network of timm, side by side.

    .. math:: x = [\bar m_{s_1}; \dots; \bar m_{s_n}], \qquad \bar m_s = \frac{1}{HW} \sum_{p} m_{s,p}

    Early stages hold colour and light, late ones what is seen. The network ends with the last stage.

    Args:
        name: As in :class:`~affectkit.encoders.TimmImageEncoder`.
        stages: Numbers of the stages, from 0 (in a ResNet the first convolution); negative ones count from
            the end.
        pretrained: Whether published weights are loaded, and downloaded unless they are there.
        weights: File of weights of the whole network.
        image_size: Height and width of the pictures, for networks that are built for one size.
        tokens: Whether the places of the map come as well, row by row; of one stage only.
        options: Further arguments of the network.

    Shape:
        - Input: (B, 3, H, W) float, normalised by ``NormalizePixels(*encoder.normalization)``.
        - Output: ``pooled`` (B, sum of the widths), in the order of the stages; with ``tokens`` also
          (B, P, D), the P places of the stage.

    Raises:
        MissingExtraError: If timm is not installed.
        FileNotFoundError: If there is no weights file.
        ValueError: If there is no such stage, or tokens of several are wanted; else as for
            ``TimmImageEncoder``.

    Examples:
        >>> encoder = TimmStageEncoder("tiny", stages=(1, -1))
        >>> encoder.stage_dims
        {'stage1': 8, 'stage4': 64}
        >>> encoder(torch.zeros(2, 3, 48, 48)).pooled.shape
        torch.Size([2, 72])
    """

    #: Pictures, not stored features: a task then asks the data for no width of features.
    reads_raw: Final = True

    def __init__(
        self,
        name: str = "tiny",
        *,
        stages: Sequence[int] = (-1,),
        pretrained: bool = False,
        weights: str | None = None,
        image_size: int | None = None,
        tokens: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not stages:
            raise ValueError("TimmStageEncoder got no stage: give at least one, e.g. stages=(1, 3, 4).")
        if tokens and len(stages) > 1:
            raise ValueError(
                f"TimmStageEncoder got tokens=True and stages={list(stages)}, whose maps have other places: "
                "give one stage."
            )
        self.network = bridge.build_stages(
            name, stages, pretrained=pretrained, weights=weights, image_size=image_size, options=options
        )
        self.name = name
        self.tokens = tokens
        self.normalization: PixelNormalization = bridge.pixel_normalization(self.network)
        self.image_size = bridge.fixed_size(name, image_size)
        count = bridge.stage_count(self.network)
        names = [f"stage{stage % count}" for stage in stages]
        if len(set(names)) < len(names) or names != sorted(names, key=lambda text: int(text[5:])):
            raise ValueError(
                f"TimmStageEncoder got stages={list(stages)}: give different ones, from early to late."
            )
        self.stage_dims: dict[str, int] = dict(zip(names, bridge.stage_widths(self.network)))

    @property
    def out_dim(self) -> int:
        """Width D of the encoding."""
        return sum(self.stage_dims.values())

    def train(self, mode: bool = True) -> TimmStageEncoder:
        """Set the mode; a frozen batch normalisation keeps the statistics of its weights."""
        super().train(mode)
        bridge.keep_frozen_statistics(self)
        return self

    def stage_features(self, x: Tensor) -> dict[str, Tensor]:
        """Mean over all places of each stage, (B, D_s), by ``"stage3"`` and the like."""
        return {name: places.mean(1) for name, places in self._places(x).items()}

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode ``x``; ``mask`` is there for the protocol of encoders, a picture is always whole."""
        found = self._places(x)
        pooled = torch.cat([places.mean(1) for places in found.values()], -1)
        return Encoding(pooled, next(iter(found.values())) if self.tokens else None)

    def _places(self, x: Tensor) -> dict[str, Tensor]:
        """The map of each stage as (B, P, D_s)."""
        check_pictures(x, name=self.name, image_size=self.image_size)
        maps: list[Tensor] = self.network(x)
        if not bridge.channels_last(self.network):
            maps = [found.movedim(1, -1) for found in maps]
        return {name: found.flatten(1, 2) for name, found in zip(self.stage_dims, maps)}

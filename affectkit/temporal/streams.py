"""Several streams of one clip, each in its own time, fused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from affectkit.types import Encoder, Encoding, Fusion


class TemporalStreams(nn.Module):
    r"""A temporal model for each stream of a clip, and the fusion of what they give.

    .. math:: h = \mathrm{fuse}(T_1(x_1), \dots, T_S(x_S))

    The image encoder is not part of it: frame features come from
    :func:`~affectkit.temporal.frame_features` or from shards, so one frozen or tuned tower serves
    all streams and is saved once.

    Args:
        temporal: Temporal model of each stream by name, e.g. ``"face"`` and ``"context"``.
        fusion: Their results into one encoding; a concatenation, a sum or a gate.

    Shape:
        - Input: ``features[name]`` (B, T, D); ``masks[name]`` (B, T), True = real frame;
          ``present[name]`` (B,), False where a clip lacks the stream.
        - Output: ``pooled`` (B, fusion.out_dim).

    Raises:
        TypeError: If a part is not an ``nn.Module``.
        ValueError: If there is no stream.
        KeyError: If a stream is unknown.

    References:
        The dual-stream model of CLIP-CAER's official code.

    Examples:
        >>> import torch
        >>> from affectkit.fusion import ConcatFusion
        >>> from affectkit.temporal import TemporalTransformer
        >>> streams = TemporalStreams(
        ...     {name: TemporalTransformer(8, heads=2, head_dim=4) for name in ("face", "context")},
        ...     fusion=ConcatFusion({"face": 8, "context": 8}, out_dim=8),
        ... )
        >>> clips = {name: torch.zeros(2, 4, 8) for name in ("face", "context")}
        >>> streams(clips).pooled.shape
        torch.Size([2, 8])
    """

    def __init__(self, temporal: Mapping[str, Encoder], *, fusion: Fusion) -> None:
        super().__init__()
        if not temporal:
            raise ValueError("TemporalStreams got no stream: give at least one, e.g. {'face': ...}.")
        for name, part in {**temporal, "fusion": fusion}.items():
            if not isinstance(part, nn.Module):
                raise TypeError(
                    f"TemporalStreams got {type(part).__name__} as {name!r}: give an nn.Module with forward."
                )
        self.temporal = nn.ModuleDict({name: cast(nn.Module, temporal[name]) for name in sorted(temporal)})
        self.fusion: Fusion = fusion

    @property
    def out_dim(self) -> int:
        """Width of the fused encoding."""
        return self.fusion.out_dim

    def forward(
        self,
        features: Mapping[str, Tensor],
        masks: Mapping[str, Tensor] | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> Encoding:
        """Fuse what the temporal models make of ``features``."""
        unknown = sorted(set(features) - set(self.temporal))
        if unknown:
            raise KeyError(
                f"TemporalStreams has the streams {', '.join(self.temporal)} and got {unknown[0]!r}: "
                "name the streams as in the data module."
            )
        parts: dict[str, Encoding] = {}
        for name, model in self.temporal.items():
            if name in features:
                parts[name] = model(features[name], (masks or {}).get(name))
        flags = {name: flag for name, flag in (present or {}).items() if name in parts}
        return self.fusion(parts, flags)

"""Fusion of encodings of any widths, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from affectkit.fusion import ConcatFusion, GatedFusion, MeanFusion, SumFusion
from affectkit.types import Fusion

FusionName: TypeAlias = Literal["concat", "gate", "mean", "sum"]
FUSIONS: Final = ("concat", "gate", "mean", "sum")


def joint_fusion(name: FusionName, widths: Mapping[str, int], *, out_dim: int, dropout: float) -> Fusion:
    """Make a fusion; one modality passes through as it is.

    Args:
        name: ``"concat"``: side by side, without a layer; ``"gate"``, ``"mean"`` or ``"sum"`` of
            projections.
        widths: Width of each modality.
        out_dim: Width of the projections.
        dropout: Dropout on the result, where something is trained.
    """
    if len(widths) == 1:
        return MeanFusion(widths)
    match name:
        case "concat":
            return ConcatFusion(widths, dropout=dropout)
        case "gate":
            return GatedFusion(widths, out_dim, dropout=dropout)
        case "mean":
            return MeanFusion(widths, out_dim=out_dim)
        case "sum":
            return SumFusion(widths, out_dim=out_dim, dropout=dropout)

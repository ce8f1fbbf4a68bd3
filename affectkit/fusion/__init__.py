"""Fusion: several modalities to one encoding, any of which may be absent in any row."""

from affectkit.fusion.concat import ConcatFusion
from affectkit.fusion.gated import GatedFusion
from affectkit.fusion.mean import MeanFusion
from affectkit.fusion.sum import SumFusion

__all__ = ["ConcatFusion", "GatedFusion", "MeanFusion", "SumFusion"]

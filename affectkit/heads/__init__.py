"""Heads: from features to predictions. Plain torch, no Lightning."""

from affectkit.heads.classification import ClassificationHead
from affectkit.heads.dimensional import DimensionalHead
from affectkit.heads.multi import MultiHead

__all__ = ["ClassificationHead", "DimensionalHead", "MultiHead"]

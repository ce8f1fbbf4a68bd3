"""Heads: from features to predictions. Plain torch, no Lightning."""

from affectkit.heads.classification import ClassificationHead
from affectkit.heads.cosine import CosineHead
from affectkit.heads.dimensional import DimensionalHead
from affectkit.heads.multi import MultiHead
from affectkit.heads.per_dataset import PerDatasetHeads
from affectkit.heads.perceptual import PerceptualHead

__all__ = [
    "ClassificationHead",
    "CosineHead",
    "DimensionalHead",
    "MultiHead",
    "PerDatasetHeads",
    "PerceptualHead",
]

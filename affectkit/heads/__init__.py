"""Heads: from features to predictions. Plain torch, no Lightning."""

from affectkit.heads.categorical_dimensional_graph import CategoricalDimensionalGraphHead
from affectkit.heads.classification import ClassificationHead
from affectkit.heads.cosine import CosineHead
from affectkit.heads.dimensional import DimensionalHead
from affectkit.heads.multi import MultiHead
from affectkit.heads.per_dataset import PerDatasetHeads
from affectkit.heads.perceptual import PerceptualHead

__all__ = [
    "CategoricalDimensionalGraphHead",
    "ClassificationHead",
    "CosineHead",
    "DimensionalHead",
    "MultiHead",
    "PerDatasetHeads",
    "PerceptualHead",
]

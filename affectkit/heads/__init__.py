"""Heads: from features to predictions. Plain torch, no Lightning."""

from affectkit.heads.binned_dimensional import BinnedDimensionalHead
from affectkit.heads.categorical_dimensional_graph import CategoricalDimensionalGraphHead
from affectkit.heads.classification import ClassificationHead
from affectkit.heads.compound_from_basic import CompoundFromBasic
from affectkit.heads.cosine import CosineHead
from affectkit.heads.dimensional import DimensionalHead
from affectkit.heads.label_distribution import LabelDistributionHead
from affectkit.heads.multi import MultiHead
from affectkit.heads.multi_attribute import MultiAttributeHead
from affectkit.heads.multi_indicator import MultiIndicatorHead
from affectkit.heads.multi_task import MultiTaskHead
from affectkit.heads.ordinal import OrdinalHead
from affectkit.heads.per_dataset import PerDatasetHeads
from affectkit.heads.per_dataset_target import per_dataset_target
from affectkit.heads.perceptual import PerceptualHead
from affectkit.heads.projected import ProjectedHead
from affectkit.heads.separate import SeparateHeads
from affectkit.heads.token_transformer import TokenTransformerHead

__all__ = [
    "BinnedDimensionalHead",
    "CategoricalDimensionalGraphHead",
    "ClassificationHead",
    "CompoundFromBasic",
    "CosineHead",
    "DimensionalHead",
    "LabelDistributionHead",
    "MultiAttributeHead",
    "MultiHead",
    "MultiIndicatorHead",
    "MultiTaskHead",
    "OrdinalHead",
    "PerDatasetHeads",
    "PerceptualHead",
    "ProjectedHead",
    "SeparateHeads",
    "TokenTransformerHead",
    "per_dataset_target",
]

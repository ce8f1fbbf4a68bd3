"""Heads."""

from __future__ import annotations

from affectkit.catalog.component import Component
from affectkit.catalog.papers import CLIP_CAER, COMPOUND, NEUROGAZE

ROWS: tuple[Component, ...] = (
    Component("ClassificationHead", "affectkit.heads.ClassificationHead", "head"),
    Component(
        "DimensionalHead", "affectkit.heads.DimensionalHead", "head", aliases=("valence arousal regression",)
    ),
    Component(
        "CosineHead",
        "affectkit.heads.CosineHead",
        "head",
        paper=CLIP_CAER,
        status="verified",
        aliases=("cosine classifier",),
    ),
    Component(
        "CategoricalDimensionalGraphHead",
        "affectkit.heads.CategoricalDimensionalGraphHead",
        "head",
        paper="Emotion-GCN, official code; ML-GCN, CVPR 2019, arXiv:1904.03582",
        status="verified",
        aliases=("Emotion-GCN", "emotion_gcn", "label graph head"),
    ),
    Component(
        "LabelDistributionHead",
        "affectkit.heads.LabelDistributionHead",
        "head",
        aliases=("label distribution learning", "anchors"),
    ),
    Component(
        "MultiAttributeHead",
        "affectkit.heads.MultiAttributeHead",
        "head",
        paper="EmoSet, ICCV 2023",
        status="rebuilt",
        aliases=("EmoSet attributes",),
    ),
    Component(
        "MultiIndicatorHead",
        "affectkit.heads.MultiIndicatorHead",
        "head",
        paper="HMLLM (SRI-ADV), official code",
        aliases=("indicator towers",),
    ),
    Component("MultiTaskHead", "affectkit.heads.MultiTaskHead", "head", aliases=("shared head",)),
    Component(
        "BinnedDimensionalHead",
        "affectkit.heads.BinnedDimensionalHead",
        "head",
        aliases=("valence-arousal classes", "binned regression"),
    ),
    Component(
        "CompoundFromBasic",
        "affectkit.heads.CompoundFromBasic",
        "head",
        paper=COMPOUND,
        aliases=("compound expressions", "basic to compound"),
    ),
    Component(
        "OrdinalHead",
        "affectkit.heads.OrdinalHead",
        "head",
        paper="McCullagh, JRSS B 42(2), 1980",
        aliases=("ordinal regression", "proportional odds"),
    ),
    Component("SeparateHeads", "affectkit.heads.SeparateHeads", "head"),
    Component(
        "TokenTransformerHead",
        "affectkit.heads.TokenTransformerHead",
        "head",
        ("visual",),
        paper="VTFF",
        status="rebuilt",
        aliases=("ViT head", "feature-map tokens"),
    ),
    Component(
        "ProjectedHead",
        "affectkit.heads.ProjectedHead",
        "head",
        paper=NEUROGAZE,
        aliases=("student head", "distillation head"),
    ),
    Component("MultiHead", "affectkit.heads.MultiHead", "head", aliases=("auxiliary head",)),
    Component("PerDatasetHeads", "affectkit.heads.PerDatasetHeads", "head", aliases=("multi-dataset head",)),
    Component(
        "PerceptualHead",
        "affectkit.heads.PerceptualHead",
        "head",
        paper="PerceptCLIP (Don't Judge Before You CLIP)",
        status="verified",
        aliases=("PerceptCLIP head",),
    ),
)

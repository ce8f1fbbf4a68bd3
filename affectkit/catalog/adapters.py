"""Adapters of CLIP."""

from __future__ import annotations

from affectkit.catalog.component import Component

ROWS: tuple[Component, ...] = (
    Component(
        "ZeroShot",
        "affectkit.adapters.ZeroShot",
        "adapter",
        ("visual",),
        paper="Radford et al., ICML 2021, arXiv:2103.00020",
        aliases=("zero_shot", "prompt ensemble"),
    ),
    Component(
        "LinearProbe", "affectkit.adapters.LinearProbe", "adapter", ("visual",), aliases=("linear_probe",)
    ),
    Component(
        "CoOp",
        "affectkit.adapters.CoOp",
        "adapter",
        ("visual",),
        paper="Zhou et al., IJCV 2022, arXiv:2109.01134",
        status="verified",
    ),
    Component(
        "DescriptorPrompts",
        "affectkit.adapters.DescriptorPrompts",
        "adapter",
        ("visual",),
        paper="CLIP-CAER, official code",
        aliases=("descriptor",),
    ),
    Component(
        "CoCoOp",
        "affectkit.adapters.CoCoOp",
        "adapter",
        ("visual",),
        paper="Zhou et al., CVPR 2022, arXiv:2203.05557",
    ),
    Component(
        "MaPLe",
        "affectkit.adapters.MaPLe",
        "adapter",
        ("visual",),
        paper="Khattak et al., CVPR 2023, arXiv:2210.03117",
    ),
    Component(
        "ClipFeatureAdapter",
        "affectkit.adapters.ClipFeatureAdapter",
        "adapter",
        ("visual",),
        paper="Gao et al., IJCV 2024, arXiv:2110.04544",
        aliases=("clip_adapter", "CLIP-Adapter"),
    ),
    Component(
        "TipAdapter",
        "affectkit.adapters.TipAdapter",
        "adapter",
        ("visual",),
        paper="Zhang et al., ECCV 2022, arXiv:2207.09519",
        status="verified",
        aliases=("tip_adapter", "Tip-Adapter-F"),
    ),
    Component(
        "ClipLora",
        "affectkit.adapters.ClipLora",
        "adapter",
        ("visual",),
        paper="Zanella and Ben Ayed, CVPR 2024 workshop, arXiv:2405.18541",
        status="verified",
        aliases=("clip_lora", "CLIP-LoRA", "LoRA"),
    ),
    Component(
        "AdaptedClipEncoder",
        "affectkit.adapters.AdaptedClipEncoder",
        "encoder",
        ("visual",),
        paper="Zanella and Ben Ayed, CVPR 2024 workshop, arXiv:2405.18541; Khattak et al., CVPR 2023, "
        "arXiv:2210.03117",
        aliases=("CLIP under another head", "prompted CLIP encoder"),
    ),
    Component(
        "ResidualBottleneckEncoder",
        "affectkit.adapters.ResidualBottleneckEncoder",
        "encoder",
        paper="Gao et al., IJCV 2024, arXiv:2110.04544",
        aliases=("feature adapter", "bottleneck adapter"),
    ),
    Component(
        "VisualnessScorer",
        "affectkit.adapters.visualness.VisualnessScorer",
        "scorer",
        ("text", "visual"),
        paper="TIP-CLIP",
        aliases=("TIP-CLIP", "imageability"),
    ),
)

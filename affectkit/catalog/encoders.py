"""Encoders of one modality, frames in their time, and measures of bodies."""

from __future__ import annotations

from affectkit.catalog.component import Component
from affectkit.catalog.papers import CLIP_CAER

ROWS: tuple[Component, ...] = (
    Component(
        "ProjectionEncoder", "affectkit.encoders.ProjectionEncoder", "encoder", aliases=("stored features",)
    ),
    Component("TinyTextEncoder", "affectkit.encoders.tiny.TinyTextEncoder", "extractor", ("text",)),
    Component("TinyImageEncoder", "affectkit.encoders.tiny.TinyImageEncoder", "extractor", ("visual",)),
    Component("TinyAudioEncoder", "affectkit.encoders.tiny.TinyAudioEncoder", "extractor", ("audio",)),
    Component(
        "TransformersTextEncoder",
        "affectkit.encoders.TransformersTextEncoder",
        "extractor",
        ("text",),
        extra="text",
        aliases=("sentence encoder", "BERT", "RoBERTa"),
    ),
    Component(
        "TransformersTokenEncoder",
        "affectkit.encoders.TransformersTokenEncoder",
        "encoder",
        ("text",),
        extra="text",
        aliases=("fine-tuned text encoder", "token encoder"),
    ),
    Component("TextTokenizer", "affectkit.encoders.TextTokenizer", "transform", ("text",), extra="text"),
    Component(
        "ChatTokenizer",
        "affectkit.conversation.prompts.ChatTokenizer",
        "transform",
        ("text",),
        extra="llm",
        aliases=("chat template",),
    ),
    Component(
        "LabelScorer",
        "affectkit.conversation.language_model.LabelScorer",
        "encoder",
        ("text",),
        extra="llm",
        aliases=("LLM", "language model", "label log-probabilities"),
    ),
    Component("IdentityEncoder", "affectkit.encoders.IdentityEncoder", "encoder"),
    Component(
        "TimmImageEncoder",
        "affectkit.encoders.TimmImageEncoder",
        "encoder",
        ("visual",),
        aliases=("timm", "backbone", "ResNet"),
    ),
    Component(
        "TimmStageEncoder",
        "affectkit.encoders.TimmStageEncoder",
        "encoder",
        ("visual",),
        aliases=("stage features", "multi-level features"),
    ),
    Component("FrameMean", "affectkit.temporal.FrameMean", "temporal"),
    Component(
        "TemporalTransformer",
        "affectkit.temporal.TemporalTransformer",
        "temporal",
        paper=CLIP_CAER,
        status="verified",
        aliases=("DFER-CLIP temporal model",),
    ),
    Component(
        "TemporalStreams",
        "affectkit.temporal.TemporalStreams",
        "temporal",
        paper=CLIP_CAER,
        status="verified",
        aliases=("face and context",),
    ),
    Component(
        "PrincipalComponentsEncoder",
        "affectkit.encoders.PrincipalComponentsEncoder",
        "encoder",
        aliases=("PCA",),
    ),
    Component(
        "HypergraphEncoder",
        "affectkit.encoders.HypergraphEncoder",
        "graph",
        paper="HGNN, AAAI 2019, arXiv:1809.09401",
        status="verified",
        aliases=("HGNN", "HMLLM", "hypergraph convolution"),
    ),
    Component(
        "BandPower",
        "affectkit.physiology.BandPower",
        "transform",
        ("eeg",),
        paper="Welch, IEEE Transactions on Audio and Electroacoustics 15(2), 1967",
        aliases=("Welch",),
    ),
    Component(
        "EngagementIndex",
        "affectkit.physiology.EngagementIndex",
        "transform",
        ("eeg",),
        paper="Pope et al., Biological Psychology 40(1-2), 1995",
    ),
    Component(
        "FrontalAsymmetry",
        "affectkit.physiology.FrontalAsymmetry",
        "transform",
        ("eeg",),
        paper="Allen et al., Biological Psychology 67(1-2), 2004",
        aliases=("alpha asymmetry",),
    ),
    Component("GazeRatio", "affectkit.physiology.GazeRatio", "transform", ("gaze",), aliases=("EMR",)),
    Component(
        "QuantileClasses",
        "affectkit.physiology.QuantileClasses",
        "transform",
        aliases=("classes by quantile",),
    ),
)

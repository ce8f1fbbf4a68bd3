"""Every component of the library as a static table, readable without torch.

``affectkit list``, the tables of the docs and the contract tests are made from it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["COMPONENTS", "Component", "Kind", "Status", "component"]

Kind = Literal[
    "adapter",
    "context",
    "curriculum",
    "difficulty",
    "encoder",
    "extractor",
    "fusion",
    "graph",
    "head",
    "hook",
    "loss",
    "metric",
    "pacing",
    "prototype",
    "schedule",
    "scorer",
    "task",
    "temporal",
    "transform",
    "weighting",
]

#: ``verified``: reproduces stored numbers of a reference implementation. ``tested``: equals an
#: independent, naive form of its formula. ``rebuilt``: made from a description, without numbers to compare.
Status = Literal["verified", "tested", "rebuilt"]


class Component(NamedTuple):
    """One row of the catalogue.

    Args:
        name: Class name, unique.
        path: Dotted path that imports it.
        kind: What it is used as.
        modalities: What it reads; empty = features of any modality.
        paper: Where the mechanism is from, or None.
        extra: The affectkit extra that it needs, or None.
        status: How it was checked.
        aliases: Further names that people look for, e.g. a paper's.
    """

    name: str
    path: str
    kind: Kind
    modalities: tuple[str, ...] = ()
    paper: str | None = None
    extra: str | None = None
    status: Status = "tested"
    aliases: tuple[str, ...] = ()


_HCL = "Yang et al., AAAI 2022, arXiv:2112.11718"
_PRC = "PRC-Emo, AAAI 2026, arXiv:2511.07061"
_DIALOGUE_RNN = "Majumder et al., AAAI 2019, arXiv:1811.00405"
_CCC = "Lin, Biometrics 45(1), 1989"
_CLIP_CAER = "CLIP-CAER, official code"
_NEUROGAZE = "NeuroGaze-Distill, README of the official code"
_COMPOUND = "Compound Multimodal Emotion Recognition in the Wild, official code, arXiv:2407.12927"
_MOSEAR = "MoSEAR, ACM MM 2025, arXiv:2508.01181"

COMPONENTS: tuple[Component, ...] = (
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
    Component("ConcatFusion", "affectkit.fusion.ConcatFusion", "fusion", aliases=("early fusion",)),
    Component(
        "GatedFusion",
        "affectkit.fusion.GatedFusion",
        "fusion",
        paper="Arevalo et al., ICLR 2017 workshop, arXiv:1702.01992",
        aliases=("GMU", "gated multimodal unit"),
    ),
    Component("MeanFusion", "affectkit.fusion.MeanFusion", "fusion"),
    Component("SumFusion", "affectkit.fusion.SumFusion", "fusion", aliases=("late sum",)),
    Component(
        "AttentionWeightFusion",
        "affectkit.fusion.AttentionWeightFusion",
        "fusion",
        paper="EmotionTalk, official code",
        status="verified",
        aliases=("attention_weight", "MERBench attention", "EmotionTalk"),
    ),
    Component(
        "AttentionalSelectiveFusion",
        "affectkit.fusion.AttentionalSelectiveFusion",
        "fusion",
        ("visual",),
        paper="VTFF",
        status="verified",
        aliases=("ASF", "VTFF", "attentional_selective"),
    ),
    Component(
        "ConcatAttentionFusion",
        "affectkit.fusion.ConcatAttentionFusion",
        "fusion",
        paper=_COMPOUND,
        aliases=("CAN", "concat_attention"),
    ),
    Component(
        "CrossAttentionFusion",
        "affectkit.fusion.CrossAttentionFusion",
        "fusion",
        paper="Tsai et al., ACL 2019, arXiv:1906.00295",
        aliases=("cross_attention",),
    ),
    Component(
        "FeatureTokenAttention",
        "affectkit.fusion.FeatureTokenAttention",
        "fusion",
        paper="Thao et al., ICCV 2019 workshops",
        aliases=("AttendAffectNet", "feature_tokens"),
    ),
    Component(
        "FusionAttention",
        "affectkit.fusion.FusionAttention",
        "fusion",
        paper="M2FNet, CVPR 2022 workshops, arXiv:2206.02187",
        status="verified",
        aliases=("M2FNet", "fusion_attention"),
    ),
    Component(
        "LeaderFollowerFusion",
        "affectkit.fusion.LeaderFollowerFusion",
        "fusion",
        paper=_COMPOUND,
        aliases=("LFAN", "leader_follower"),
    ),
    Component(
        "LowRankTensorFusion",
        "affectkit.fusion.LowRankTensorFusion",
        "fusion",
        paper="Liu et al., ACL 2018, arXiv:1806.00064",
        aliases=("LMF", "low_rank_tensor"),
    ),
    Component("ModalityDropout", "affectkit.fusion.ModalityDropout", "fusion"),
    Component(
        "ModalityExpertFusion",
        "affectkit.fusion.ModalityExpertFusion",
        "fusion",
        paper=_MOSEAR,
        status="rebuilt",
        aliases=("modality_experts", "mixture of experts"),
    ),
    Component(
        "AttentionReallocator",
        "affectkit.fusion.AttentionReallocator",
        "hook",
        paper=_MOSEAR,
        status="rebuilt",
        aliases=("MoSEAR", "attention reallocation"),
    ),
    Component("FrameMean", "affectkit.temporal.FrameMean", "temporal"),
    Component(
        "TemporalTransformer",
        "affectkit.temporal.TemporalTransformer",
        "temporal",
        paper=_CLIP_CAER,
        status="verified",
        aliases=("DFER-CLIP temporal model",),
    ),
    Component(
        "TemporalStreams",
        "affectkit.temporal.TemporalStreams",
        "temporal",
        paper=_CLIP_CAER,
        status="verified",
        aliases=("face and context",),
    ),
    Component(
        "BcLSTM",
        "affectkit.conversation.BcLSTM",
        "context",
        paper="Poria et al., ACL 2017",
        aliases=("bc-LSTM", "bc_lstm", "BiGRU"),
    ),
    Component(
        "DialogueRNN",
        "affectkit.conversation.DialogueRNN",
        "context",
        paper=_DIALOGUE_RNN,
        status="verified",
        aliases=("dialogue_rnn",),
    ),
    Component(
        "MatchingAttention",
        "affectkit.conversation.MatchingAttention",
        "context",
        paper=_DIALOGUE_RNN,
        status="verified",
        aliases=("general2",),
    ),
    Component("ClassificationHead", "affectkit.heads.ClassificationHead", "head"),
    Component(
        "DimensionalHead", "affectkit.heads.DimensionalHead", "head", aliases=("valence arousal regression",)
    ),
    Component(
        "CosineHead",
        "affectkit.heads.CosineHead",
        "head",
        paper=_CLIP_CAER,
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
        "OrdinalHead",
        "affectkit.heads.OrdinalHead",
        "head",
        paper="McCullagh, JRSS B 42(2), 1980",
        aliases=("ordinal regression", "proportional odds"),
    ),
    Component("SeparateHeads", "affectkit.heads.SeparateHeads", "head"),
    Component(
        "LabelGraph",
        "affectkit.graph.LabelGraph",
        "graph",
        paper="Emotion-GCN, official code; ML-GCN, CVPR 2019, arXiv:1904.03582",
        status="verified",
        aliases=("adjacency", "label correlation"),
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
        "Hypergraph",
        "affectkit.graph.Hypergraph",
        "graph",
        aliases=("attribute hypergraph", "kNN hypergraph"),
    ),
    Component(
        "LabelGraphNetwork",
        "affectkit.graph.LabelGraphNetwork",
        "graph",
        paper="Kipf and Welling, ICLR 2017, arXiv:1609.02907",
        aliases=("GCN", "graph convolution"),
    ),
    Component(
        "ProjectedHead",
        "affectkit.heads.ProjectedHead",
        "head",
        paper=_NEUROGAZE,
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
    Component(
        "ClassificationLoss",
        "affectkit.losses.ClassificationLoss",
        "loss",
        paper="focal: Lin et al., ICCV 2017, arXiv:1708.02002",
        aliases=("cross entropy", "focal loss"),
    ),
    Component(
        "VoteDistributionLoss", "affectkit.losses.VoteDistributionLoss", "loss", aliases=("soft labels",)
    ),
    Component("CCCLoss", "affectkit.losses.CCCLoss", "loss", paper=_CCC, status="verified"),
    Component("MSELoss", "affectkit.losses.MSELoss", "loss"),
    Component(
        "MultilabelLoss",
        "affectkit.losses.MultilabelLoss",
        "loss",
        aliases=("BCE", "binary cross entropy", "masked attributes"),
    ),
    Component(
        "UncertaintyWeightedSum",
        "affectkit.losses.UncertaintyWeightedSum",
        "loss",
        paper="Kendall et al., CVPR 2018, arXiv:1705.07115",
        aliases=("homoscedastic uncertainty", "uncertainty weighting"),
    ),
    Component(
        "NullTargetContrastiveLoss",
        "affectkit.losses.NullTargetContrastiveLoss",
        "loss",
        ("text", "visual"),
        paper="TIP-CLIP",
        status="verified",
    ),
    Component("PearsonLoss", "affectkit.losses.PearsonLoss", "loss", aliases=("PLCC loss",)),
    Component(
        "TripletMarginLoss",
        "affectkit.losses.TripletMarginLoss",
        "loss",
        paper="M2FNet, CVPR 2022 workshop, arXiv:2206.02187; FaceNet, CVPR 2015, arXiv:1503.03832",
        status="verified",
        aliases=("triplet loss", "batch hard", "batch all", "semi-hard", "adaptive margin"),
    ),
    Component(
        "VarianceLoss",
        "affectkit.losses.VarianceLoss",
        "loss",
        paper="VICReg, ICLR 2022, arXiv:2105.04906",
        status="verified",
        aliases=("VICReg variance",),
    ),
    Component(
        "CovarianceLoss",
        "affectkit.losses.CovarianceLoss",
        "loss",
        paper="VICReg, ICLR 2022, arXiv:2105.04906",
        status="verified",
        aliases=("VICReg covariance",),
    ),
    Component(
        "SupervisedContrastiveLoss",
        "affectkit.losses.SupervisedContrastiveLoss",
        "loss",
        paper="Khosla et al., NeurIPS 2020, arXiv:2004.11362",
        aliases=("SupCon",),
    ),
    Component(
        "PairwiseContrastiveLoss",
        "affectkit.losses.PairwiseContrastiveLoss",
        "loss",
        paper="Franceschini et al., ICPR 2022, arXiv:2207.11482",
        status="verified",
        aliases=("modality-pairwise contrast", "InfoNCE"),
    ),
    Component(
        "PrototypeContrastLoss",
        "affectkit.losses.PrototypeContrastLoss",
        "loss",
        paper="Song et al., EMNLP 2022, arXiv:2210.08713",
        aliases=("SPCL", "supervised prototypical contrastive"),
    ),
    Component(
        "LogitVariationLoss",
        "affectkit.losses.LogitVariationLoss",
        "loss",
        paper="Wang et al., CVPR 2023, arXiv:2306.02061; CLIP-CAER, official code",
        aliases=("BLV", "BlvLoss"),
    ),
    Component(
        "WeightedSmoothingLoss",
        "affectkit.losses.WeightedSmoothingLoss",
        "loss",
        paper=_CLIP_CAER,
        status="verified",
        aliases=("LSR2",),
    ),
    Component("WeightedSum", "affectkit.losses.WeightedSum", "loss", aliases=("multi-task loss",)),
    Component("LinearRamp", "affectkit.losses.LinearRamp", "schedule"),
    Component(
        "WeightSchedule",
        "affectkit.distill.WeightSchedule",
        "schedule",
        paper=_NEUROGAZE,
        aliases=("late cosine", "cosine ramp"),
    ),
    Component(
        "VAPrototypeGrid",
        "affectkit.distill.VAPrototypeGrid",
        "prototype",
        paper=_NEUROGAZE,
        aliases=("prototype grid", "valence arousal prototypes"),
    ),
    Component(
        "PrototypeDistillationLoss",
        "affectkit.distill.PrototypeDistillationLoss",
        "loss",
        paper=_NEUROGAZE,
        aliases=("ProtoKD", "NeuroGaze-Distill"),
    ),
    Component(
        "GeometricPriorLoss",
        "affectkit.distill.GeometricPriorLoss",
        "loss",
        paper=_NEUROGAZE,
        aliases=("D-Geo",),
    ),
    Component(
        "LogitDistillationLoss",
        "affectkit.distill.LogitDistillationLoss",
        "loss",
        paper="Hinton et al., arXiv:1503.02531",
        aliases=("knowledge distillation", "KD"),
    ),
    Component(
        "FeatureDistillationLoss",
        "affectkit.distill.FeatureDistillationLoss",
        "loss",
        paper="Romero et al., ICLR 2015, arXiv:1412.6550",
        aliases=("FitNets", "hint loss"),
    ),
    Component(
        "DynamicWeightBalance",
        "affectkit.distill.DynamicWeightBalance",
        "loss",
        paper="SimVG, official code",
        status="verified",
        aliases=("DWBD", "SimVG"),
    ),
    Component(
        "TopographicEncoder",
        "affectkit.distill.TopographicEncoder",
        "encoder",
        ("eeg",),
        aliases=("EEG teacher", "topomap"),
    ),
    Component("Accuracy", "affectkit.metrics.Accuracy", "metric", status="verified", aliases=("WAR",)),
    Component("GroupAccuracy", "affectkit.metrics.GroupAccuracy", "metric", aliases=("accuracy by group",)),
    Component("UAR", "affectkit.metrics.UAR", "metric", status="verified", aliases=("balanced accuracy",)),
    Component("F1", "affectkit.metrics.F1", "metric", aliases=("weighted F1", "macro F1", "micro F1")),
    Component(
        "ConfusionCounts", "affectkit.metrics.ConfusionCounts", "metric", aliases=("confusion matrix",)
    ),
    Component(
        "PresentOnly",
        "affectkit.metrics.PresentOnly",
        "metric",
        paper=_NEUROGAZE,
        aliases=("present-only accuracy", "restricted argmax"),
    ),
    Component("BalancedAccuracyPerLabel", "affectkit.metrics.BalancedAccuracyPerLabel", "metric"),
    Component("MultilabelF1", "affectkit.metrics.MultilabelF1", "metric", aliases=("GoEmotions F1",)),
    Component("CCC", "affectkit.metrics.CCC", "metric", paper=_CCC, status="verified"),
    Component("Pearson", "affectkit.metrics.Pearson", "metric", aliases=("PCC",)),
    Component("RMSE", "affectkit.metrics.RMSE", "metric"),
    Component("SAGR", "affectkit.metrics.SAGR", "metric", aliases=("sign agreement",)),
    Component(
        "HclDifficulty",
        "affectkit.curriculum.HclDifficulty",
        "difficulty",
        paper=_HCL,
        status="verified",
        aliases=("HCL", "shift count"),
    ),
    Component(
        "WeightedShiftDifficulty",
        "affectkit.curriculum.WeightedShiftDifficulty",
        "difficulty",
        paper=_PRC,
        status="verified",
        aliases=("PRC-Emo", "WES", "LSDGNN ICL"),
    ),
    Component(
        "VoteDisagreementDifficulty",
        "affectkit.curriculum.VoteDisagreementDifficulty",
        "difficulty",
        aliases=("vote entropy",),
    ),
    Component("StoredDifficulty", "affectkit.curriculum.StoredDifficulty", "difficulty"),
    Component("BabyStepCurriculum", "affectkit.curriculum.BabyStepCurriculum", "curriculum", paper=_HCL),
    Component("PacedCurriculum", "affectkit.curriculum.PacedCurriculum", "curriculum"),
    Component(
        "CompetencePacing",
        "affectkit.curriculum.CompetencePacing",
        "pacing",
        paper="Platanios et al., NAACL 2019, arXiv:1903.09848",
    ),
    Component(
        "ErnetclWeighting",
        "affectkit.curriculum.ErnetclWeighting",
        "weighting",
        paper="ERNetCL, official code",
        status="verified",
        aliases=("ERNetCL",),
    ),
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
        "CategoricalDimensionalTask",
        "affectkit.tasks.CategoricalDimensionalTask",
        "task",
        paper="Emotion-GCN, official code",
        aliases=("Emotion-GCN task", "categories and dimensions"),
    ),
    Component(
        "MultiAttributeTask",
        "affectkit.tasks.MultiAttributeTask",
        "task",
        ("visual",),
        aliases=("emoset_attributes", "emotion with attributes"),
    ),
    Component("ConversationTask", "affectkit.tasks.ConversationTask", "task", aliases=("ERC",)),
    Component(
        "PrototypeDistillTask",
        "affectkit.tasks.PrototypeDistillTask",
        "task",
        ("visual",),
        _NEUROGAZE,
        aliases=("prototype distillation", "neurogaze_distill"),
    ),
    Component(
        "VisualnessScorer",
        "affectkit.adapters.visualness.VisualnessScorer",
        "scorer",
        ("text", "visual"),
        paper="TIP-CLIP",
        aliases=("TIP-CLIP", "imageability"),
    ),
    Component(
        "AudienceTask",
        "affectkit.tasks.AudienceTask",
        "task",
        paper="HMLLM (SRI-ADV), official code",
        status="rebuilt",
        aliases=("hypergraph_audience", "SRI-ADV", "Video-SME"),
    ),
    Component("VisualnessTask", "affectkit.tasks.VisualnessTask", "task", ("text", "visual"), "TIP-CLIP"),
    Component(
        "MultiDatasetPromptTuningTask",
        "affectkit.tasks.MultiDatasetPromptTuningTask",
        "task",
        ("visual",),
        aliases=("several data sets", "PerceptCLIP multi"),
    ),
    Component(
        "PromptTuningTask",
        "affectkit.tasks.PromptTuningTask",
        "task",
        ("visual",),
        aliases=("prompt tuning", "CLIP-CAER", "PerceptCLIP"),
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


def component(name: str) -> Component:
    """Look a component up by its name or an alias, in any case.

    Raises:
        KeyError: If there is none of that name.

    Examples:
        >>> component("bc-lstm").path
        'affectkit.conversation.BcLSTM'
    """
    for row in COMPONENTS:
        if name.lower() in {known.lower() for known in (row.name, *row.aliases)}:
            return row
    raise KeyError(f"the catalogue has no '{name}': `affectkit list` shows the names.")

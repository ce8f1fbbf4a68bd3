"""Tasks, what they are scored by, and what they see when."""

from __future__ import annotations

from affectkit.catalog.component import Component
from affectkit.catalog.papers import CCC, HCL, NEUROGAZE, PRC

ROWS: tuple[Component, ...] = (
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
        paper=NEUROGAZE,
        aliases=("present-only accuracy", "restricted argmax"),
    ),
    Component("BalancedAccuracyPerLabel", "affectkit.metrics.BalancedAccuracyPerLabel", "metric"),
    Component("MultilabelF1", "affectkit.metrics.MultilabelF1", "metric", aliases=("GoEmotions F1",)),
    Component("CCC", "affectkit.metrics.CCC", "metric", paper=CCC, status="verified"),
    Component("Pearson", "affectkit.metrics.Pearson", "metric", aliases=("PCC",)),
    Component("RMSE", "affectkit.metrics.RMSE", "metric"),
    Component("SAGR", "affectkit.metrics.SAGR", "metric", aliases=("sign agreement",)),
    Component(
        "HclDifficulty",
        "affectkit.curriculum.HclDifficulty",
        "difficulty",
        paper=HCL,
        status="verified",
        aliases=("HCL", "shift count"),
    ),
    Component(
        "WeightedShiftDifficulty",
        "affectkit.curriculum.WeightedShiftDifficulty",
        "difficulty",
        paper=PRC,
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
    Component("BabyStepCurriculum", "affectkit.curriculum.BabyStepCurriculum", "curriculum", paper=HCL),
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
        NEUROGAZE,
        aliases=("prototype distillation", "neurogaze_distill"),
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
)

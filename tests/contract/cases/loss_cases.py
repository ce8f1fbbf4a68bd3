"""Losses of the catalogue, and what distillation adds to them, small enough to run in a moment."""

from __future__ import annotations

from module_runs import (
    Case,
    run_binned_loss,
    run_eeg,
    run_loss,
    run_metric,
    run_null_contrast,
    run_taught,
    run_teacher,
)

from affectkit.distill import (
    DynamicWeightBalance,
    FeatureDistillationLoss,
    GeometricPriorLoss,
    LogitDistillationLoss,
    PrototypeDistillationLoss,
    TopographicEncoder,
    VAPrototypeGrid,
    VATeacher,
)
from affectkit.losses import (
    BinnedDimensionLoss,
    CCCLoss,
    ClassificationLoss,
    CovarianceLoss,
    LogitVariationLoss,
    MSELoss,
    MultilabelLoss,
    NullTargetContrastiveLoss,
    PairwiseContrastiveLoss,
    PearsonLoss,
    PrototypeContrastLoss,
    SimilaritySmoothingLoss,
    SupervisedContrastiveLoss,
    TripletMarginLoss,
    UncertaintyWeightedSum,
    VarianceLoss,
    VoteDistributionLoss,
    WeightedSmoothingLoss,
    WeightedSum,
)

LOSS_CASES: dict[str, list[Case]] = {
    "ClassificationLoss": [
        Case(lambda: ClassificationLoss(3), run_loss),
        Case(lambda: ClassificationLoss(3, class_weight=[1.0, 2.0, 0.5], gamma=2.0), run_loss),
    ],
    "VoteDistributionLoss": [Case(VoteDistributionLoss, run_loss)],
    "CCCLoss": [
        Case(CCCLoss, run_loss),
        Case(lambda: CCCLoss(weighted=True), run_loss),
        Case(lambda: CCCLoss(mixed_moments=True), run_loss),
    ],
    "MSELoss": [Case(MSELoss, run_loss)],
    "BinnedDimensionLoss": [Case(lambda: BinnedDimensionLoss((-1.0, 1.0)), run_binned_loss)],
    "MultilabelLoss": [
        Case(MultilabelLoss, run_loss),
        Case(lambda: MultilabelLoss(positive_weight=[1.0, 2.0, 3.0]), run_loss),
    ],
    "UncertaintyWeightedSum": [
        Case(
            lambda: UncertaintyWeightedSum(
                {"label": ClassificationLoss(3), "va": MSELoss()}, regressions=["va"]
            ),
            run_loss,
        )
    ],
    "NullTargetContrastiveLoss": [
        Case(lambda: NullTargetContrastiveLoss(temperature=2.0), run_null_contrast),
        Case(lambda: NullTargetContrastiveLoss(temperature=2.0, positives="literal"), run_null_contrast),
    ],
    "PearsonLoss": [Case(PearsonLoss, run_loss)],
    "TripletMarginLoss": [
        Case(TripletMarginLoss, run_metric),
        Case(lambda: TripletMarginLoss("adaptive_rescaled", mining="semi_hard"), run_metric),
        Case(lambda: TripletMarginLoss(0.5, mining="batch_all", reduction="mean", view="text"), run_metric),
    ],
    "VarianceLoss": [Case(VarianceLoss, run_metric), Case(lambda: VarianceLoss(views=["text"]), run_metric)],
    "CovarianceLoss": [Case(CovarianceLoss, run_metric)],
    "SupervisedContrastiveLoss": [
        Case(SupervisedContrastiveLoss, run_metric),
        Case(lambda: SupervisedContrastiveLoss(views=["audio", "text"]), run_metric),
    ],
    "PairwiseContrastiveLoss": [
        Case(lambda: PairwiseContrastiveLoss(["audio", "text"], learnable=True), run_metric),
        Case(
            lambda: PairwiseContrastiveLoss(["audio", "text"], mode="official", positives="label"), run_metric
        ),
    ],
    "PrototypeContrastLoss": [
        Case(lambda: PrototypeContrastLoss(3, 6), run_metric),
        Case(lambda: PrototypeContrastLoss(3, 6, form="decoupled", pool_size=4, support_size=2), run_metric),
    ],
    "PrototypeDistillationLoss": [
        Case(
            lambda: PrototypeDistillationLoss(
                VAPrototypeGrid.random(4), anchors=[(0.0, 0.0), (0.8, 0.4), (-0.8, -0.4)], student_dim=6
            ),
            run_taught,
        ),
        Case(lambda: PrototypeDistillationLoss(VAPrototypeGrid.random(6), target="teacher"), run_taught),
    ],
    "GeometricPriorLoss": [
        Case(lambda: GeometricPriorLoss([0, 2]), run_taught),
        Case(lambda: GeometricPriorLoss([0, 1, 2], normalized=False, min_confidence=0.4), run_taught),
    ],
    "LogitDistillationLoss": [
        Case(LogitDistillationLoss, run_taught),
        Case(lambda: LogitDistillationLoss(distance="mse"), run_taught),
    ],
    "FeatureDistillationLoss": [
        Case(lambda: FeatureDistillationLoss(6, 4), run_taught),
        Case(lambda: FeatureDistillationLoss(6, 4, distance="mse"), run_taught),
    ],
    "DynamicWeightBalance": [
        Case(lambda: DynamicWeightBalance(ClassificationLoss(3)), run_taught),
        Case(
            lambda: DynamicWeightBalance(
                ClassificationLoss(3), imitation_loss=VoteDistributionLoss(), per_sample=True
            ),
            run_taught,
        ),
    ],
    "TopographicEncoder": [
        Case(
            lambda: TopographicEncoder(
                ["Fz", "C3", "C4", "Pz"], 5, sample_rate=32, bands=((4, 8), (8, 13)), size=8, hidden_dim=4
            ),
            run_eeg,
        )
    ],
    "VATeacher": [
        Case(
            lambda: VATeacher(
                TopographicEncoder(
                    ["Fz", "C3", "C4", "Pz"], 5, sample_rate=32, bands=((4, 8), (8, 13)), size=8, hidden_dim=4
                )
            ),
            run_teacher,
        )
    ],
    "LogitVariationLoss": [Case(lambda: LogitVariationLoss([5, 2, 1]), run_loss)],
    "WeightedSmoothingLoss": [Case(lambda: WeightedSmoothingLoss([1.0, 2.0, 0.5]), run_loss)],
    "SimilaritySmoothingLoss": [
        Case(
            lambda: SimilaritySmoothingLoss(similarity=[[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]),
            run_loss,
        )
    ],
    "WeightedSum": [
        Case(lambda: WeightedSum({"label": ClassificationLoss(3), "va": MSELoss()}, {"va": 0.5}), run_loss)
    ],
}

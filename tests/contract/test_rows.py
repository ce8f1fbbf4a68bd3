"""Losses and metrics: a row of weight 0 and an absent target add nothing."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from affectkit.catalog import COMPONENTS
from affectkit.distill import (
    DynamicWeightBalance,
    FeatureDistillationLoss,
    GeometricPriorLoss,
    LogitDistillationLoss,
    PrototypeDistillationLoss,
    VAPrototypeGrid,
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
from affectkit.metrics import (
    CCC,
    F1,
    RMSE,
    SAGR,
    UAR,
    Accuracy,
    AdaptiveCalibrationError,
    AreaUnderRiskCoverage,
    BalancedAccuracyPerLabel,
    BinAccuracy,
    BrierScore,
    CalibrationError,
    CLIPScore,
    ConfusionCounts,
    DoublyRight,
    EmotionShiftAccuracy,
    EmotionShiftF1,
    EmotionShiftMetric,
    GroupAccuracy,
    MultilabelF1,
    NegativeLogLikelihood,
    Pearson,
    PresentOnly,
    SelectiveAccuracy,
)
from affectkit.types import AffectOutput, Loss, LossTerms, Target


class NullContrastOfLogits(nn.Module):
    """The contrast of texts and pictures, fed with logits as if they were both."""

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        assert output.logits is not None and target.label is not None and target.weight is not None
        rows = output.logits.reshape(-1, 3)
        views = {"text": rows, "image": rows.flip(-1), "null": torch.tensor([1.0, 0.0, 0.0])}
        target = Target(label=target.label.reshape(-1).clamp(max=1), weight=target.weight.reshape(-1))
        terms: LossTerms = NullTargetContrastiveLoss(temperature=1.0)(AffectOutput(views=views), target)
        return terms


class Taught(nn.Module):
    """A loss of distillation, with logits for an embedding and a teacher beside them."""

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        views = {
            "teacher_logits": noise(2, 5, 3, seed=8),
            "teacher_embedding": noise(2, 5, 3, seed=9),
        }
        terms = self.loss(output._replace(embedding=output.logits, views=views), target)
        return terms


class OfVectors(nn.Module):
    """A metric loss, with logits for vectors, and for one modality beside another."""

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        assert output.logits is not None
        views = {"text": output.logits, "audio": noise(2, 5, 3, seed=9)}
        return self.loss(output._replace(embedding=output.logits, views=views), target)


class OfBins(nn.Module):
    """A loss over bins, which are made of the dims that it also gets."""

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        assert output.dims is not None
        bins = output.dims.unsqueeze(-1) * torch.tensor([-1.0, 0.0, 2.0])
        terms: LossTerms = BinnedDimensionLoss((-1.0, 1.0))(output._replace(extra={"bins": bins}), target)
        return terms


LOSSES: dict[str, Callable[[], Loss]] = {
    "ClassificationLoss": lambda: ClassificationLoss(3, class_weight=[1.0, 2.0, 3.0], gamma=1.0),
    "VoteDistributionLoss": VoteDistributionLoss,
    "CCCLoss": CCCLoss,
    "MSELoss": MSELoss,
    "BinnedDimensionLoss": OfBins,
    "MultilabelLoss": MultilabelLoss,
    "NullTargetContrastiveLoss": NullContrastOfLogits,
    "PearsonLoss": PearsonLoss,
    "TripletMarginLoss": lambda: OfVectors(TripletMarginLoss(mining="batch_all")),
    "VarianceLoss": lambda: OfVectors(VarianceLoss(deviation=2.0)),
    "CovarianceLoss": lambda: OfVectors(CovarianceLoss()),
    "SupervisedContrastiveLoss": lambda: OfVectors(SupervisedContrastiveLoss()),
    "PairwiseContrastiveLoss": lambda: OfVectors(PairwiseContrastiveLoss(["audio", "text"])),
    "PrototypeContrastLoss": lambda: OfVectors(PrototypeContrastLoss(3, 3)),
    "PrototypeDistillationLoss": lambda: Taught(
        PrototypeDistillationLoss(VAPrototypeGrid.random(3), anchors=[(0.0, 0.0), (0.8, 0.4), (-0.8, -0.4)])
    ),
    "GeometricPriorLoss": lambda: Taught(GeometricPriorLoss([0, 1, 2], cap=0.0)),
    "LogitDistillationLoss": lambda: Taught(LogitDistillationLoss()),
    "FeatureDistillationLoss": lambda: Taught(FeatureDistillationLoss()),
    "DynamicWeightBalance": lambda: Taught(DynamicWeightBalance(ClassificationLoss(3))),
    "UncertaintyWeightedSum": lambda: UncertaintyWeightedSum(
        {"label": ClassificationLoss(3), "va": MSELoss()}
    ),
    # Without noise here, as in evaluation: with it two calls differ.
    "LogitVariationLoss": lambda: LogitVariationLoss([5, 2, 1]).eval(),
    "WeightedSmoothingLoss": lambda: WeightedSmoothingLoss([1.0, 2.0, 3.0]),
    "SimilaritySmoothingLoss": lambda: SimilaritySmoothingLoss(
        similarity=[[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    ),
    "WeightedSum": lambda: WeightedSum({"label": ClassificationLoss(3), "va": MSELoss()}),
}


class MetricCase(NamedTuple):
    build: Callable[[], Metric]
    target: str  # which target it reads


METRICS: dict[str, MetricCase] = {
    "Accuracy": MetricCase(lambda: Accuracy(3), "label"),
    "GroupAccuracy": MetricCase(lambda: GroupAccuracy(3, group="age=20s"), "label"),
    "UAR": MetricCase(lambda: UAR(3), "label"),
    "F1": MetricCase(lambda: F1(3), "label"),
    "ConfusionCounts": MetricCase(lambda: ConfusionCounts(3), "label"),
    "PresentOnly": MetricCase(lambda: PresentOnly(3), "label"),
    "CalibrationError": MetricCase(lambda: CalibrationError(3), "label"),
    "AdaptiveCalibrationError": MetricCase(lambda: AdaptiveCalibrationError(3, num_bins=3), "label"),
    "BrierScore": MetricCase(lambda: BrierScore(3), "label"),
    "NegativeLogLikelihood": MetricCase(lambda: NegativeLogLikelihood(3), "label"),
    "AreaUnderRiskCoverage": MetricCase(lambda: AreaUnderRiskCoverage(3), "label"),
    "SelectiveAccuracy": MetricCase(lambda: SelectiveAccuracy(3, coverage=0.5), "label"),
    "BalancedAccuracyPerLabel": MetricCase(lambda: BalancedAccuracyPerLabel(3), "multilabel"),
    "MultilabelF1": MetricCase(lambda: MultilabelF1(3), "multilabel"),
    "CCC": MetricCase(lambda: CCC(2), "dims"),
    "Pearson": MetricCase(lambda: Pearson(2), "dims"),
    "RMSE": MetricCase(lambda: RMSE(2), "dims"),
    "BinAccuracy": MetricCase(lambda: BinAccuracy(2, num_bins=4, low=-1, high=1), "dims"),
    "SAGR": MetricCase(lambda: SAGR(2), "dims"),
    "CLIPScore": MetricCase(CLIPScore, "dims"),
    "DoublyRight": MetricCase(DoublyRight, "right"),
}

#: They compare the turns of a speaker, so they are fed with whole conversations.
OF_CONVERSATIONS: dict[str, Callable[[], EmotionShiftMetric]] = {
    "EmotionShiftAccuracy": EmotionShiftAccuracy,
    "EmotionShiftF1": EmotionShiftF1,
}


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


LABEL = torch.tensor([[0, 1, 2, 1, 0], [2, 2, 0, 1, 1]])
REAL = torch.tensor([[True, True, True, True, False], [True, True, False, False, False]])


def loss_total(loss: Loss, *, filler: float) -> tuple[float, float, Tensor, Tensor]:
    """Value, divisor and gradients, with ``filler`` wherever a row is not real."""
    gap = ~REAL.unsqueeze(-1)
    logits = noise(2, 5, 3, seed=0).masked_fill(gap, filler).requires_grad_()
    dims = noise(2, 5, 2, seed=1).masked_fill(gap, filler).requires_grad_()
    target = Target(
        label=LABEL.masked_fill(~REAL, -100),
        dims=noise(2, 5, 2, seed=2).masked_fill(gap, filler),
        distribution=torch.softmax(noise(2, 5, 3, seed=3), dim=-1),
        multilabel=(noise(2, 5, 3, seed=4) > 0).float(),
        weight=REAL.float(),
    )
    terms = loss(AffectOutput(logits=logits, dims=dims), target)
    torch.autograd.backward(terms.total)
    zero = torch.zeros(2, 5, 1)
    grads = [zero if leaf.grad is None else leaf.grad for leaf in (logits, dims)]
    return terms.total.item(), float(terms.weight), grads[0], grads[1]


def test_every_loss_and_metric_of_the_catalogue_is_here() -> None:
    assert set(LOSSES) == {row.name for row in COMPONENTS if row.kind == "loss"}
    assert METRICS.keys() | OF_CONVERSATIONS.keys() == {
        row.name for row in COMPONENTS if row.kind == "metric"
    }


@pytest.mark.parametrize("name", LOSSES)
def test_rows_of_weight_zero_do_not_reach_a_loss(name: str) -> None:
    total, weight, *_ = loss_total(LOSSES[name](), filler=0.0)
    other, other_weight, *gradients = loss_total(LOSSES[name](), filler=5.0)
    assert math.isfinite(total) and total == pytest.approx(other, abs=1e-6) and weight == other_weight
    for gradient in gradients:
        assert not gradient[~REAL].any()
    assert any(bool(gradient[REAL].any()) for gradient in gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_targets_is_a_zero_that_keeps_the_graph(name: str) -> None:
    logits, dims = (noise(2, 5, width, seed=0).requires_grad_() for width in (3, 2))
    target = Target(
        label=torch.full((2, 5), -100),
        dims=torch.full((2, 5, 2), float("nan")),
        distribution=torch.full((2, 5, 3), float("nan")),
        multilabel=torch.full((2, 5, 3), float("nan")),
        weight=torch.zeros(2, 5),
    )
    terms = LOSSES[name]()(AffectOutput(logits=logits, dims=dims), target)
    assert terms.total.item() == 0.0 and terms.total.requires_grad
    torch.autograd.backward(terms.total)
    for leaf in (logits, dims):
        assert leaf.grad is None or (bool(leaf.grad.isfinite().all()) and not leaf.grad.any())


def metric_arguments(case: MetricCase) -> tuple[Tensor, Tensor]:
    if case.target == "label":
        return noise(2, 5, 3, seed=0), LABEL
    if case.target == "multilabel":
        return noise(10, 3, seed=0), (noise(10, 3, seed=1) > 0).float()
    if case.target == "right":
        return noise(2, 5, seed=0) > 0, noise(2, 5, seed=1) > 0
    return noise(2, 5, 2, seed=0), noise(2, 5, 2, seed=1)


def value(metric: Metric) -> Tensor:
    result: Tensor = metric.compute()
    return result.double()


@pytest.mark.parametrize("name", METRICS)
def test_rows_of_weight_zero_do_not_reach_a_metric(name: str) -> None:
    case = METRICS[name]
    prediction, target = metric_arguments(case)
    keep = REAL if target.shape[:2] == REAL.shape else REAL.reshape(-1)
    weighted, cut = case.build(), case.build()
    weighted.update(prediction, target, keep.float())
    cut.update(prediction[keep], target[keep])
    torch.testing.assert_close(value(weighted), value(cut), rtol=0, atol=1e-12)
    full = case.build()
    full.update(prediction, target)
    assert not torch.allclose(value(full), value(cut))


@pytest.mark.parametrize("name", METRICS)
def test_updates_add_up_and_reset_forgets(name: str) -> None:
    case = METRICS[name]
    prediction, target = metric_arguments(case)
    whole, parts = case.build(), case.build()
    parts.update(prediction.flip(-1), target)
    parts.reset()
    whole.update(prediction, target)
    half = len(prediction) // 2
    parts.update(prediction[half:], target[half:])
    parts = copy.deepcopy(parts)
    parts.update(prediction[:half], target[:half])
    torch.testing.assert_close(value(whole), value(parts), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OF_CONVERSATIONS)
def test_conversations_add_up_without_their_padding(name: str) -> None:
    prediction, speaker = noise(2, 5, 3, seed=0), torch.tensor([[0, 1, 0, 1, 0], [0, 0, 0, 1, 1]])
    weighted, cut, full = (OF_CONVERSATIONS[name]() for _ in range(3))
    cut.update(prediction.flip(-1), LABEL, speaker=speaker)
    cut.reset()
    weighted.update(prediction, LABEL, REAL.float(), speaker)
    for row in (1, 0):
        keep = REAL[row]
        cut.update(
            prediction[row : row + 1, keep], LABEL[row : row + 1, keep], None, speaker[row : row + 1, keep]
        )
    full.update(prediction, LABEL, speaker=speaker)
    torch.testing.assert_close(value(weighted), value(cut), rtol=0, atol=1e-12)
    assert not torch.allclose(value(full), value(cut), equal_nan=True)

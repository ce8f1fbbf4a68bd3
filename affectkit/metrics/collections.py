"""The usual metrics of a task, as one collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from torchmetrics import Metric, MetricCollection

from affectkit.metrics.accuracy import Accuracy
from affectkit.metrics.adaptive_calibration_error import AdaptiveCalibrationError
from affectkit.metrics.area_under_risk_coverage import AreaUnderRiskCoverage
from affectkit.metrics.balanced_accuracy import BalancedAccuracyPerLabel
from affectkit.metrics.brier import BrierScore
from affectkit.metrics.calibration_error import CalibrationError
from affectkit.metrics.ccc import CCC
from affectkit.metrics.confusion import ConfusionMetric
from affectkit.metrics.doubly_right import DoublyRight, RightShare
from affectkit.metrics.emotion_shift import EmotionShiftAccuracy, EmotionShiftF1, EmotionShiftMetric
from affectkit.metrics.f1 import F1
from affectkit.metrics.label_counts import LabelCountsMetric
from affectkit.metrics.multilabel_f1 import MultilabelF1
from affectkit.metrics.negative_log_likelihood import NegativeLogLikelihood
from affectkit.metrics.paired_sums import DimensionMetric
from affectkit.metrics.pearson import Pearson
from affectkit.metrics.rmse import RMSE
from affectkit.metrics.sagr import SAGR
from affectkit.metrics.selective_accuracy import SelectiveAccuracy
from affectkit.metrics.uar import UAR


def classification_metrics(
    num_classes: int, *, exclude: Sequence[int] = (), prefix: str | None = None
) -> MetricCollection:
    """Accuracy, UAR and F1 of a classification task, over one shared state.

    Args:
        num_classes: Number of classes C.
        exclude: Classes that a further micro F1 leaves out, e.g. neutral.
        prefix: Put before each key, e.g. ``"test/"``.

    Returns:
        A collection whose keys are the plain ``key`` of each metric, safe in file names; each
        metric's ``protocol`` says the same in full.

    Examples:
        >>> sorted(classification_metrics(7))
        ['accuracy', 'macro_f1', 'uar_present', 'weighted_f1']
        >>> classification_metrics(7)["uar_present"].protocol
        'uar[present]'
    """
    metrics: list[ConfusionMetric] = [
        Accuracy(num_classes),
        UAR(num_classes),
        F1(num_classes, average="weighted"),
        F1(num_classes, average="macro"),
    ]
    if exclude:
        metrics.append(F1(num_classes, average="micro", exclude=exclude))
    return MetricCollection({metric.key: metric for metric in metrics}, prefix=prefix)


def dimension_metrics(names: Sequence[str], *, prefix: str | None = None) -> MetricCollection:
    """CCC, Pearson, RMSE and SAGR of affect dimensions, and the CCC of each, over one state.

    Args:
        names: Names of the dimensions in order, e.g. ``("valence", "arousal")``.
        prefix: Put before each key, e.g. ``"test/"``.

    Returns:
        A collection whose keys are the plain ``key`` of each metric.

    Examples:
        >>> sorted(dimension_metrics(["valence", "arousal"]))
        ['ccc', 'ccc_arousal', 'ccc_valence', 'pearson', 'rmse', 'sagr']
    """
    number = len(names)
    metrics: list[DimensionMetric] = [CCC(number), Pearson(number), RMSE(number), SAGR(number)]
    metrics += [CCC(number, dim=index, name=name) for index, name in enumerate(names)]
    return MetricCollection({metric.key: metric for metric in metrics}, prefix=prefix)


def emotion_shift_metrics(*, prefix: str | None = None) -> MetricCollection:
    """Accuracy where a speaker's emotion shifts and where it stays, and the F1 of finding the shifts.

    Args:
        prefix: Put before each key, e.g. ``"test/"``.

    Examples:
        >>> sorted(emotion_shift_metrics())
        ['shift_accuracy', 'shift_f1', 'steady_accuracy']
    """
    metrics: list[EmotionShiftMetric] = [
        EmotionShiftAccuracy(),
        EmotionShiftAccuracy(shifted=False),
        EmotionShiftF1(),
    ]
    return MetricCollection({metric.key: metric for metric in metrics}, prefix=prefix)


def doubly_right_metrics(*, count_skipped: bool = False, prefix: str | None = None) -> MetricCollection:
    """The four shares of answers and reasons that are right or wrong, over one state.

    Args:
        count_skipped: Whether they are shares of all responses, skipped ones too.
        prefix: Put before each key, e.g. ``"test/"``.

    Examples:
        >>> sorted(doubly_right_metrics())
        ['doubly_right_rr', 'doubly_right_rw', 'doubly_right_wr', 'doubly_right_ww']
    """
    metrics = [DoublyRight(share=share, count_skipped=count_skipped) for share in get_args(RightShare)]
    return MetricCollection({metric.key: metric for metric in metrics}, prefix=prefix)


def multilabel_metrics(
    num_labels: int, *, threshold: float = 0.0, prefix: str | None = None
) -> MetricCollection:
    """F1 over labels, macro and micro, and balanced accuracy of a task with several labels a sample.

    Args:
        num_labels: Number of labels C.
        threshold: A prediction above it is a yes: 0 for logits, 0.5 for probabilities.
        prefix: Put before each key, e.g. ``"test/"``.

    Examples:
        >>> sorted(multilabel_metrics(28))
        ['balanced_accuracy', 'macro_f1', 'micro_f1']
    """
    metrics: list[LabelCountsMetric] = [
        MultilabelF1(num_labels, threshold=threshold),
        MultilabelF1(num_labels, average="micro", threshold=threshold),
        BalancedAccuracyPerLabel(num_labels, threshold=threshold),
    ]
    return MetricCollection({metric.key: metric for metric in metrics}, prefix=prefix)


def calibration_metrics(
    num_classes: int, *, num_bins: int = 15, coverage: float = 0.8, prefix: str | None = None
) -> MetricCollection:
    """Whether the probabilities of a classification task can be believed.

    Calibration error over bins of equal width, closed on either side, and of equal mass; Brier score and
    negative log-likelihood; area under the risk-coverage curve and accuracy on the most confident rows.

    Args:
        num_classes: Number of classes C.
        num_bins: Number of bins.
        coverage: Share of the rows that the selective accuracy answers.
        prefix: Put before each key, e.g. ``"test/"``.

    Examples:
        >>> sorted(calibration_metrics(7))
        ['accuracy_at_80', 'adaptive_ece', 'aurc', 'brier', 'ece', 'ece_left', 'nll']
    """
    metrics: dict[str, Metric | MetricCollection] = {}
    for metric in (
        CalibrationError(num_classes, num_bins=num_bins),
        CalibrationError(num_classes, num_bins=num_bins, closed="left"),
        AdaptiveCalibrationError(num_classes, num_bins=num_bins),
        BrierScore(num_classes),
        NegativeLogLikelihood(num_classes),
        AreaUnderRiskCoverage(num_classes),
        SelectiveAccuracy(num_classes, coverage=coverage),
    ):
        metrics[metric.key] = metric
    return MetricCollection(metrics, prefix=prefix)

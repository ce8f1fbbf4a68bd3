"""Metrics that are exact for any number of ranks and name their protocol."""

from affectkit.metrics.accuracy import Accuracy
from affectkit.metrics.adaptive_calibration_error import AdaptiveCalibrationError
from affectkit.metrics.area_under_risk_coverage import AreaUnderRiskCoverage
from affectkit.metrics.balanced_accuracy import BalancedAccuracyPerLabel
from affectkit.metrics.bin_accuracy import BinAccuracy
from affectkit.metrics.brier import BrierScore
from affectkit.metrics.calibration_error import CalibrationError
from affectkit.metrics.ccc import CCC
from affectkit.metrics.clip_score import CLIPScore
from affectkit.metrics.collections import (
    calibration_metrics,
    classification_metrics,
    dimension_metrics,
    doubly_right_metrics,
    emotion_shift_metrics,
    multilabel_metrics,
)
from affectkit.metrics.confidence_rows import ConfidenceRowsMetric
from affectkit.metrics.confusion import ConfusionCounts, ConfusionMetric
from affectkit.metrics.doubly_right import DoublyRight, RightShare
from affectkit.metrics.emotion_shift import EmotionShiftAccuracy, EmotionShiftF1, EmotionShiftMetric
from affectkit.metrics.f1 import F1
from affectkit.metrics.group_accuracy import GroupAccuracy
from affectkit.metrics.label_counts import LabelCountsMetric
from affectkit.metrics.label_scope import label_scope_metrics
from affectkit.metrics.multilabel_f1 import MultilabelF1
from affectkit.metrics.negative_log_likelihood import NegativeLogLikelihood
from affectkit.metrics.paired_sums import DimensionMetric
from affectkit.metrics.pearson import Pearson
from affectkit.metrics.present_only import PresentOnly, tell_present
from affectkit.metrics.probability_sums import ProbabilityMetric
from affectkit.metrics.rmse import RMSE
from affectkit.metrics.sagr import SAGR
from affectkit.metrics.selective_accuracy import SelectiveAccuracy
from affectkit.metrics.uar import UAR

__all__ = (
    "CCC",
    "F1",
    "RMSE",
    "SAGR",
    "UAR",
    "Accuracy",
    "AdaptiveCalibrationError",
    "AreaUnderRiskCoverage",
    "BalancedAccuracyPerLabel",
    "BinAccuracy",
    "BrierScore",
    "CLIPScore",
    "CalibrationError",
    "ConfidenceRowsMetric",
    "ConfusionCounts",
    "ConfusionMetric",
    "DimensionMetric",
    "DoublyRight",
    "EmotionShiftAccuracy",
    "EmotionShiftF1",
    "EmotionShiftMetric",
    "GroupAccuracy",
    "LabelCountsMetric",
    "MultilabelF1",
    "NegativeLogLikelihood",
    "Pearson",
    "PresentOnly",
    "ProbabilityMetric",
    "RightShare",
    "SelectiveAccuracy",
    "calibration_metrics",
    "classification_metrics",
    "dimension_metrics",
    "doubly_right_metrics",
    "emotion_shift_metrics",
    "label_scope_metrics",
    "multilabel_metrics",
    "tell_present",
)

"""Scores over all labels of a model, and over those that the data have, side by side."""

from __future__ import annotations

from torchmetrics import MetricCollection

from affectkit.metrics.accuracy import Accuracy
from affectkit.metrics.confusion import ConfusionMetric
from affectkit.metrics.f1 import F1
from affectkit.metrics.present_only import PresentOnly
from affectkit.metrics.uar import UAR


def label_scope_metrics(num_classes: int, *, prefix: str | None = None) -> MetricCollection:
    """Accuracy, macro F1 and balanced accuracy, all-class and present-only.

    All-class averages count a label that the data lack as 0. Tell the present-only ones which labels the
    data have by :meth:`PresentOnly.set_present`; untold, they take all.

    Args:
        num_classes: Number of classes C.
        prefix: Put before each key, e.g. ``"test/"``.

    Examples:
        >>> for name in sorted(label_scope_metrics(8)):
        ...     print(name)
        accuracy
        macro_f1_all
        present_only_accuracy
        present_only_macro_f1
        present_only_uar
        uar_all
    """
    every: list[ConfusionMetric] = [
        Accuracy(num_classes),
        F1(num_classes, average="macro", classes="all"),
        UAR(num_classes, classes="all"),
    ]
    present: list[ConfusionMetric] = [
        PresentOnly(num_classes),
        PresentOnly(num_classes, score="macro_f1"),
        PresentOnly(num_classes, score="uar"),
    ]
    return MetricCollection(
        {metric.key: metric for metric in [*every, *present]},
        prefix=prefix,
        # Stated: found by itself, a first batch that happens to count alike would join the two for good.
        compute_groups=[[metric.key for metric in group] for group in (every, present)],
    )

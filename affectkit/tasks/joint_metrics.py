"""Metrics of categories and of dimensions, side by side."""

from __future__ import annotations

import torch
from torchmetrics import Metric, MetricCollection

from affectkit.labels import AffectScale, LabelSpace
from affectkit.metrics import DimensionMetric, classification_metrics, dimension_metrics, multilabel_metrics
from affectkit.types import IGNORE_LABEL, AffectOutput, Target


def joint_metrics(space: LabelSpace, scale: AffectScale) -> MetricCollection:
    """The usual metrics of both; :func:`update_joint` adds a batch to them.

    Examples:
        >>> from affectkit.labels import affect_scale, label_space
        >>> found = joint_metrics(label_space("meld7.official"), affect_scale("va.unit"))
        >>> "uar_present" in found, "ccc_valence" in found
        (True, True)
    """
    several = space.kind == "multilabel"
    categories = multilabel_metrics(len(space)) if several else classification_metrics(len(space))
    both: dict[str, Metric | MetricCollection] = {}
    for part in (categories, dimension_metrics(scale.axes)):
        both.update(part.items(keep_base=True, copy_state=False))
    # Groups of one state are found by one update with the same arguments for all, which these lack.
    return MetricCollection(both, compute_groups=False)


def target_field(metric: Metric, space: LabelSpace) -> str:
    """The field of :class:`~affectkit.types.Target` that a metric of the collection reads."""
    if isinstance(metric, DimensionMetric):
        return "dims"
    return "multilabel" if space.kind == "multilabel" else "label"


def update_joint(
    metrics: MetricCollection, output: AffectOutput, target: Target, *, space: LabelSpace
) -> None:
    """Add a batch to each metric whose prediction and target are there."""
    for metric in metrics.values(copy_state=False):
        field = target_field(metric, space)
        truth = {"dims": target.dims, "multilabel": target.multilabel, "label": target.label}[field]
        prediction = output.dims if field == "dims" else output.logits
        if prediction is not None and truth is not None:
            metric.update(prediction, truth, target.weight)


def complete_target(target: Target, output: AffectOutput, space: LabelSpace) -> Target:
    """Fill in what a batch says nothing of as absent, so that every loss can skip it."""
    logits, dims = output.logits, output.dims
    if space.kind == "multilabel" and target.multilabel is None and logits is not None:
        target = target._replace(multilabel=torch.full_like(logits, torch.nan))
    if space.kind != "multilabel" and target.label is None and logits is not None:
        label = torch.full(logits.shape[:-1], IGNORE_LABEL, device=logits.device)
        target = target._replace(label=label)
    if target.dims is None and dims is not None:
        target = target._replace(dims=torch.full_like(dims, torch.nan))
    if target.distribution is None and logits is not None:
        # For a loss over votes, of which chance gave this batch none.
        target = target._replace(distribution=torch.full_like(logits, torch.nan))
    return target

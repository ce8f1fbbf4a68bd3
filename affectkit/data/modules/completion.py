"""Batches of several sources, made alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from affectkit.data.batch import AffectBatch
from affectkit.labels import LabelSpace
from affectkit.types import IGNORE_LABEL


class Completion:
    """Fills in as absent what other sources have and the source of a batch lacks.

    Args:
        feature_dims: Width of each modality that any source has.
        labels: Label space of the sources, None where none has labels.
        num_dims: Number of affect dimensions of the sources, 0 where none has any.
    """

    def __init__(self, feature_dims: Mapping[str, int], *, labels: LabelSpace | None, num_dims: int) -> None:
        self._feature_dims = dict(feature_dims)
        self._several = labels is not None and labels.kind == "multilabel"
        self._classes = 0 if labels is None else len(labels)
        self._num_dims = num_dims

    def __call__(self, batch: AffectBatch) -> AffectBatch:
        """Complete a batch; one that lacks nothing stays as it is."""
        target = batch.target
        rows = (batch.valid if target.weight is None else target.weight).shape
        inputs, present = dict(batch.inputs), dict(batch.present)
        for name, width in self._feature_dims.items():
            if name not in inputs:
                inputs[name] = torch.zeros(*rows, width)
                present[name] = torch.zeros(rows, dtype=torch.bool)
        if target.label is None and self._classes and not self._several:
            target = target._replace(label=torch.full(rows, IGNORE_LABEL))
        if target.multilabel is None and self._several:
            target = target._replace(multilabel=torch.full((*rows, self._classes), torch.nan))
        if target.dims is None and self._num_dims:
            target = target._replace(dims=torch.full((*rows, self._num_dims), torch.nan))
        return replace(batch, inputs=inputs, present=present, target=target)

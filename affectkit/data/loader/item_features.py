"""Stored features of single items, one row each, to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ItemRecord, ShardError, StoredTensors


@dataclass(slots=True, frozen=True)
class ItemFeatures:
    """An item as read.

    Args:
        record: Its annotation.
        features: Tensors (D,) or (T, D) by modality; a modality that it lacks is absent.
    """

    record: ItemRecord
    features: Mapping[str, Tensor]


class ItemFeaturesReader:
    """Reads the record of an item and, where it has any, its features.

    Raises:
        ShardError: If a member is missing or damaged.
    """

    def __call__(self, members: Mapping[str, memoryview]) -> ItemFeatures:
        """Read ``members``."""
        stored = members.get("safetensors")
        return ItemFeatures(read_item(members), {} if stored is None else StoredTensors(stored))


class ItemFeaturesCollate:
    """Joins the features of items; those over time (T, D) become their mean.

    Args:
        feature_dims: Modalities to put into ``inputs``, with their widths.
        target: Joins the annotations.

    Shape:
        - inputs[m]: (B, D) float32, zero where the modality is missing.
        - present[m]: (B,) bool.

    Raises:
        ShardError: If features have another width, or no time step.
    """

    def __init__(self, feature_dims: Mapping[str, int], target: ItemTarget) -> None:
        self._feature_dims = dict(sorted(feature_dims.items()))
        self._target = target

    def __call__(
        self,
        samples: Sequence[ItemFeatures],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        inputs: dict[str, Tensor] = {}
        present: dict[str, Tensor] = {}
        for name, dim in self._feature_dims.items():
            rows = torch.zeros(len(samples), dim)
            for row, sample, key in zip(rows, samples, keys, strict=True):
                if name in sample.features:
                    row.copy_(feature_row(sample.features[name], name, key=key, dim=dim))
            inputs[name] = rows
            present[name] = torch.tensor([name in sample.features for sample in samples])
        return AffectBatch(
            inputs=inputs,
            present=present,
            target=self._target([sample.record for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions)},
        )


def feature_row(stored: Tensor, name: str, *, key: str, dim: int) -> Tensor:
    """The features (D,) of one item, in float32; the mean of those over time.

    Raises:
        ShardError: If they have another width, or no time step.
    """
    if stored.ndim not in (1, 2) or stored.shape[-1] != dim or not stored.numel():
        raise ShardError(
            f"Sample {key!r} has {name!r} features of shape {tuple(stored.shape)}, where ({dim},) or "
            f"(T, {dim}) is wanted: extract the features again."
        )
    return stored.float() if stored.ndim == 1 else stored.float().mean(0)

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
        places: Where its views lie in time, each from 0, the begin, to 1; None where nothing was drawn.
    """

    record: ItemRecord
    features: Mapping[str, Tensor]
    places: tuple[float, ...] | None = None


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

    A modality of no step, (0, D), is absent.

    Args:
        feature_dims: Modalities to put into ``inputs``, with their widths.
        target: Joins the annotations.

    Shape:
        - inputs[m]: (B, D) float32, zero where the modality is missing.
        - present[m]: (B,) bool.

    Raises:
        ShardError: If features have another width.
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
                stored = stored_features(sample.features, name)
                if stored is not None:
                    row.copy_(feature_row(stored, name, key=key, dim=dim))
            inputs[name] = rows
            present[name] = torch.tensor(
                [stored_features(sample.features, name) is not None for sample in samples]
            )
        return AffectBatch(
            inputs=inputs,
            present=present,
            target=self._target([sample.record for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions)},
        )


def stored_features(features: Mapping[str, Tensor], name: str) -> Tensor | None:
    """What an item has of a modality; None where it has none, or no step of it, (0, D)."""
    found = features.get(name)
    return None if found is None or (found.ndim == 2 and not len(found)) else found


def feature_row(stored: Tensor, name: str, *, key: str, dim: int) -> Tensor:
    """The features (D,) of one item, in float32; the mean of those over time.

    Raises:
        ShardError: If they have another width, or no time step.
    """
    return feature_steps(stored, name, key=key, dim=dim).mean(0)


def feature_steps(stored: Tensor, name: str, *, key: str, dim: int) -> Tensor:
    """The features (T, D) of one item, in float32; those without time are one step.

    Raises:
        ShardError: If they have another width, or no time step.
    """
    if stored.ndim not in (1, 2) or stored.shape[-1] != dim or not stored.numel():
        raise ShardError(
            f"Sample {key!r} has {name!r} features of shape {tuple(stored.shape)}, where ({dim},) or "
            f"(T, {dim}) is wanted: extract the features again."
        )
    return stored.float().reshape(-1, dim)

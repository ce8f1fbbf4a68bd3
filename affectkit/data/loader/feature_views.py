"""Stretches of stored features over time, several of each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.item_features import ItemFeatures, feature_steps, stored_features
from affectkit.data.loader.item_target import ItemTarget


class FeatureViews:
    """Draws where the views of an item lie in time; without it they lie evenly.

    Args:
        views: Number of views.
    """

    def __init__(self, views: int) -> None:
        self._views = views

    def __call__(self, sample: ItemFeatures, *, generator: torch.Generator) -> ItemFeatures:
        """Draw a place for each view of ``sample``."""
        return replace(sample, places=tuple(torch.rand(self._views, generator=generator).tolist()))


class FeatureViewsCollate:
    """Joins stretches of the features of items, several views of each.

    View v of an item is the same part of it in every modality: its window begins at the same share of what
    the window can be moved by. Items shorter than the window stay whole, and then all views are the same.

    Args:
        feature_dims: Modalities to put into ``inputs``, with their widths.
        target: Joins the annotations.
        views: Views of each item; evenly spread, or the one in the middle, where none were drawn.
        steps: Steps of a view by modality; a modality that is not named stays whole.

    Shape:
        - inputs[m]: (B, V, T, D) float32, zero where a step or the modality is missing.
        - masks[m]: (B, V, T) bool, True = real.
        - present[m]: (B,) bool.

    Raises:
        ShardError: If features have another width.
    """

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        target: ItemTarget,
        *,
        views: int,
        steps: Mapping[str, int],
    ) -> None:
        self._feature_dims = dict(sorted(feature_dims.items()))
        self._target = target
        self._even = (0.5,) if views == 1 else tuple(place / (views - 1) for place in range(views))
        self._steps = dict(steps)

    def __call__(
        self,
        samples: Sequence[ItemFeatures],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Cut and join ``samples``."""
        inputs: dict[str, Tensor] = {}
        masks: dict[str, Tensor] = {}
        present: dict[str, Tensor] = {}
        for name, dim in self._feature_dims.items():
            found = [stored_features(sample.features, name) for sample in samples]
            cut = [
                [torch.zeros(0, dim)] * len(self._even)
                if stored is None
                else self._cut(name, feature_steps(stored, name, key=key, dim=dim), sample.places)
                for stored, sample, key in zip(found, samples, keys, strict=True)
            ]
            # One step at least, for a batch without the modality.
            longest = max(1, max(len(steps) for views in cut for steps in views))
            inputs[name] = torch.zeros(len(samples), len(self._even), longest, dim)
            masks[name] = torch.zeros(len(samples), len(self._even), longest, dtype=torch.bool)
            for row, views in enumerate(cut):
                for view, steps in enumerate(views):
                    inputs[name][row, view, : len(steps)] = steps
                    masks[name][row, view, : len(steps)] = True
            present[name] = torch.tensor([stored is not None for stored in found])
        return AffectBatch(
            inputs=inputs,
            masks=masks,
            present=present,
            target=self._target([sample.record for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions)},
        )

    def _cut(self, name: str, steps: Tensor, places: tuple[float, ...] | None) -> list[Tensor]:
        window = min(self._steps.get(name, len(steps)), len(steps))
        room = len(steps) - window
        starts = [min(int(place * (room + 1)), room) for place in places or self._even]
        return [steps[start : start + window] for start in starts]

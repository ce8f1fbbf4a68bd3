"""Annotations of single items to the targets of a batch, in the label order of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import Manifest
from affectkit.labels import LabelMap
from affectkit.types import IGNORE_LABEL, Target


class ItemTarget:
    """Joins the records of items.

    Args:
        label_table: For each stored label the label of the run (-100 = dropped); None where the
            data has no labels.
        num_classes: Number C of labels of the run.
        multilabel: Whether the label space allows several labels a sample.
        num_dims: Number V of affect dimensions, 0 where there are none.
        dims_range: Lowest and highest value of their scale; None compares nothing.
        extra: Names of further labels, one a sample.
        extra_several: Names of further targets with several labels a sample, and their numbers of labels.

    Shape:
        - label: (B,) int64, -100 where absent; None for several labels a sample.
        - multilabel: (B, C) float32, NaN where not annotated; None for one label a sample.
        - distribution: (B, C) float32 votes, NaN where absent; None where no row has votes.
        - dims: (B, V) float32, NaN where absent.
        - extra[name]: (B,) int64, -100 where absent; of several labels (B, K) float32, NaN where not
          annotated.
        - weight: (B,) float32, 1 on valid rows, else 0.

    Raises:
        ShardError: If a label lies outside ``label_table``, a value outside its scale, or numbers do not
            fit.
    """

    def __init__(
        self,
        *,
        label_table: Sequence[int] | None,
        num_classes: int = 0,
        multilabel: bool = False,
        num_dims: int = 0,
        dims_range: tuple[float, float] | None = None,
        extra: Sequence[str] = (),
        extra_several: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._table = None if label_table is None else list(label_table)
        self._classes = num_classes
        self._multilabel = multilabel
        self._num_dims = num_dims
        # As the values are stored: rounded, the end of a scale would lie outside itself.
        self._range = None if dims_range is None else np.array(dims_range, dtype=np.float32)
        self._extra = tuple(extra)
        self._extra_several = dict(extra_several)

    def __call__(
        self, records: Sequence[ItemRecord], *, keys: Sequence[str], valid: Sequence[bool]
    ) -> Target:
        """Join ``records``, one a row."""
        single = self._table is not None and not self._multilabel
        several = self._table is not None and self._multilabel
        return Target(
            label=self._labels(records, keys) if single else None,
            multilabel=self._several(records, keys) if several else None,
            distribution=self._votes(records, keys),
            dims=self._dims(records, keys),
            extra=self._further(records, keys) or None,
            weight=torch.tensor(valid, dtype=torch.float32),
        )

    def _run_label(self, stored: int, key: str) -> int:
        if self._table is None or not stored < len(self._table):
            raise ShardError(
                f"Sample {key!r} has label {stored}, which its label space does not have: run "
                f"`affectkit shards check` on its shards."
            )
        return self._table[stored]

    def _labels(self, records: Sequence[ItemRecord], keys: Sequence[str]) -> Tensor:
        labels = [
            IGNORE_LABEL if record["label"] is None else self._run_label(record["label"], key)
            for record, key in zip(records, keys, strict=True)
        ]
        return torch.tensor(labels, dtype=torch.int64)

    def _several(self, records: Sequence[ItemRecord], keys: Sequence[str]) -> Tensor:
        cells: NDArray[np.float32] = np.full((len(records), self._classes), np.nan, dtype=np.float32)
        for row, (record, key) in enumerate(zip(records, keys, strict=True)):
            if "multilabel" in record:
                cells[row] = 0.0
                chosen = [self._run_label(stored, key) for stored in record["multilabel"]]
                cells[row, [label for label in chosen if label != IGNORE_LABEL]] = 1.0
        return torch.from_numpy(cells)

    def _further(self, records: Sequence[ItemRecord], keys: Sequence[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in self._extra:
            stored = [record.get("extra", {}).get(name) for record in records]
            found[name] = torch.tensor(
                [_one(label, key, name) for label, key in zip(stored, keys, strict=True)], dtype=torch.int64
            )
        for name, labels in self._extra_several.items():
            cells: NDArray[np.float32] = np.full((len(records), labels), np.nan, dtype=np.float32)
            for row, (record, key) in enumerate(zip(records, keys, strict=True)):
                chosen = record.get("extra", {}).get(name)
                if chosen is not None:
                    cells[row] = 0.0
                    cells[row, _several(chosen, key, name, labels=labels)] = 1.0
            found[name] = torch.from_numpy(cells)
        return found

    def _votes(self, records: Sequence[ItemRecord], keys: Sequence[str]) -> Tensor | None:
        if self._table is None or not any("votes" in record for record in records):
            return None
        cells: NDArray[np.float32] = np.full((len(records), self._classes), np.nan, dtype=np.float32)
        for row, (record, key) in enumerate(zip(records, keys, strict=True)):
            if "votes" not in record:
                continue
            if len(record["votes"]) != len(self._table):
                raise ShardError(
                    f"Sample {key!r} has {len(record['votes'])} votes for {len(self._table)} labels: run "
                    f"`affectkit shards check` on its shards."
                )
            cells[row] = 0.0
            for label, votes in zip(self._table, record["votes"], strict=True):
                if label != IGNORE_LABEL:  # labels that are merged add up their votes
                    cells[row, label] += votes
        return torch.from_numpy(cells)

    def _dims(self, records: Sequence[ItemRecord], keys: Sequence[str]) -> Tensor | None:
        if not self._num_dims:
            return None
        cells: NDArray[np.float32] = np.full((len(records), self._num_dims), np.nan, dtype=np.float32)
        for row, (record, key) in enumerate(zip(records, keys, strict=True)):
            values = record.get("dims")
            if values is None:
                continue
            if len(values) != self._num_dims:
                raise ShardError(
                    f"Sample {key!r} has {len(values)} affect dimensions, but its scale has {self._num_dims}"
                    f": run `affectkit shards check` on its shards."
                )
            cells[row] = [np.nan if value is None else value for value in values]
        self._require_range(cells, keys)
        return torch.from_numpy(cells)

    def _require_range(self, cells: NDArray[np.float32], keys: Sequence[str]) -> None:
        if self._range is None:
            return
        low, high = self._range
        outside = (cells < low) | (cells > high)  # False for NaN
        if outside.any():
            row, column = (int(place[0]) for place in outside.nonzero())
            raise ShardError(
                f"Sample {keys[row]!r} has the value {cells[row, column]:g} as affect dimension {column}, "
                f"but its scale runs from {low:g} to {high:g}: correct the scale in the manifest, or map the "
                "values to it and make the shards anew."
            )


def item_target(manifest: Manifest, mapping: LabelMap | None) -> ItemTarget:
    """The join that fits what a manifest states and the labels of a run."""
    return ItemTarget(
        label_table=None if mapping is None else mapping.table,
        num_classes=0 if mapping is None else len(mapping.target),
        multilabel=mapping is not None and mapping.source.kind == "multilabel",
        num_dims=0 if manifest.dims is None else len(manifest.dims),
        dims_range=None if manifest.dims is None else (manifest.dims.low, manifest.dims.high),
        extra=sorted(name for name, space in manifest.extra_spaces.items() if space.kind != "multilabel"),
        extra_several={
            name: len(space)
            for name, space in sorted(manifest.extra_spaces.items())
            if space.kind == "multilabel"
        },
    )


def _one(label: int | list[int] | None, key: str, name: str) -> int:
    if isinstance(label, list):
        raise ShardError(
            f"Sample {key!r} has the labels {label} of {name!r}, whose space allows one: run "
            "`affectkit shards check` on its shards."
        )
    return IGNORE_LABEL if label is None else label


def _several(chosen: int | list[int], key: str, name: str, *, labels: int) -> list[int]:
    if not isinstance(chosen, list) or any(not 0 <= label < labels for label in chosen):
        raise ShardError(
            f"Sample {key!r} has {chosen} as {name!r}, where a list of numbers below {labels} is wanted: run "
            "`affectkit shards check` on its shards."
        )
    return chosen

"""Every sample of a data set as a row of one table: features, attributes and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affectkit.data.loader.item_features import ItemFeaturesReader, feature_row
from affectkit.data.schema import ShardError
from affectkit.data.store import SampleStore


@dataclass(frozen=True, eq=False)
class NodeTable:
    """The nodes of a transductive model, split by split in the order of the stores.

    Args:
        keys: Key of each of N nodes.
        features: Stored features (N, D) by modality.
        attributes: What each node has, by the name of the attribute; None where it is not known.
        numbers: What is to be predicted, (N,) float32 by name, NaN where absent.
        rows: First node of each split, and the one behind its last.
    """

    keys: Sequence[str]
    features: Mapping[str, Tensor]
    attributes: Mapping[str, Sequence[str | None]]
    numbers: Mapping[str, Tensor]
    rows: Mapping[str, tuple[int, int]]

    def __len__(self) -> int:
        return len(self.keys)

    def split_rows(self, split: str) -> slice:
        """Where the nodes of a split are."""
        start, stop = self.rows[split]
        return slice(start, stop)

    def only(self, split: str) -> NodeTable:
        """The nodes of one split, as a table of their own."""
        part = self.split_rows(split)
        return NodeTable(
            keys=self.keys[part],
            features={name: rows[part] for name, rows in self.features.items()},
            attributes={name: column[part] for name, column in self.attributes.items()},
            numbers={name: column[part] for name, column in self.numbers.items()},
            rows={split: (0, part.stop - part.start)},
        )


def read_nodes(
    stores: Mapping[str, SampleStore],
    *,
    feature_dims: Mapping[str, int],
    attributes: Sequence[str],
    numbers: Sequence[str],
) -> NodeTable:
    """Read every sample of some splits.

    Args:
        stores: The splits.
        feature_dims: Modalities to read, with their widths; every sample must have them.
        attributes: Names in the records' ``meta`` of what a node has; numbers are read as text.
        numbers: Names in ``meta`` of what is to be predicted.

    Raises:
        ShardError: If a sample lacks features or one of the attributes, or a number is none.
    """
    decode = ItemFeaturesReader()
    keys: list[str] = []
    rows: dict[str, tuple[int, int]] = {}
    features: dict[str, list[Tensor]] = {name: [] for name in sorted(feature_dims)}
    columns: dict[str, list[str | None]] = {name: [] for name in attributes}
    targets: dict[str, list[float]] = {name: [] for name in numbers}
    for split, store in stores.items():
        rows[split] = (len(keys), len(keys) + len(store))
        for position in range(len(store)):
            sample, where = decode(store.get(position)), store.describe(position)
            meta = sample.record.get("meta", {})
            for name in (*columns, *targets):
                if name not in meta:
                    raise ShardError(
                        f"{where} has no {name!r} in its meta ({', '.join(sorted(meta)) or 'nothing'}): "
                        "write null where it is not known, or name what the records have."
                    )
            for name, column in columns.items():
                found = meta[name]
                column.append(None if found is None else str(found))
            for name, values in targets.items():
                number = meta[name]
                if isinstance(number, str):
                    raise ShardError(
                        f"{where} has {name} = {number!r}: write a number, or null where absent."
                    )
                values.append(float("nan") if number is None else float(number))
            for name, parts in features.items():
                if name not in sample.features:
                    raise ShardError(f"{where} has no {name!r} features: extract them for every sample.")
                parts.append(
                    feature_row(sample.features[name], name, key=store.key(position), dim=feature_dims[name])
                )
            keys.append(store.key(position))
    return NodeTable(
        keys=keys,
        features={
            name: torch.stack(parts) if parts else torch.zeros(0, feature_dims[name])
            for name, parts in features.items()
        },
        attributes=columns,
        numbers={name: torch.tensor(values, dtype=torch.float32) for name, values in targets.items()},
        rows=rows,
    )

"""Whether a single item fits the manifest, and which labels of it are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from torch import Tensor

from affectkit.data.schema import ItemRecord, ShardError, item_record, parse_json
from affectkit.data.shards.manifest import Manifest
from affectkit.data.shards.record_check import check_dims, check_extra, check_label

#: What is counted of one item: its label, its several labels, or None where there is none.
ItemLabels: TypeAlias = int | tuple[int, ...] | None


def item_labels(record: ItemRecord) -> ItemLabels:
    """The labels of an item that its class counts are made of.

    Examples:
        >>> item_labels({"id": "a", "label": None, "multilabel": [0, 4]})
        (0, 4)
    """
    return tuple(record["multilabel"]) if "multilabel" in record else record["label"]


def counted_labels(labels: Iterable[ItemLabels]) -> list[int]:
    """Every label of some items, for counting.

    Examples:
        >>> counted_labels([3, None, (0, 4)])
        [3, 0, 4]
    """
    several = (item if isinstance(item, tuple) else (item,) for item in labels)
    return [label for item in several for label in item if label is not None]


def check_item(record: ItemRecord, manifest: Manifest, *, where: str) -> None:
    """Compare labels, votes, extra labels and dimensions with the manifest's spaces.

    Raises:
        ShardError: If one is out of range, of an unknown space, or of the other kind of label space.
    """
    classes = manifest.num_classes
    check_label(record["label"], classes, where, "label")
    several = manifest.label_space is not None and manifest.label_space.kind == "multilabel"
    if several and record["label"] is not None:
        raise ShardError(
            f"{where} has a single label, but the label space is multi-label: list it in multilabel."
        )
    if not several and "multilabel" in record:
        raise ShardError(
            f"{where} has a multilabel, but the label space allows one label only: state a multi-label space."
        )
    for label in record.get("multilabel", []):
        check_label(label, classes, where, "multilabel")
    if "votes" in record and len(record["votes"]) != classes:
        raise ShardError(
            f"{where} has {len(record['votes'])} votes for {classes} labels: give one number a label."
        )
    check_extra(record.get("extra", {}), manifest, where)
    check_dims(record.get("dims"), manifest, where)


def check_item_features(features: Mapping[str, Tensor], manifest: Manifest, *, where: str) -> None:
    """Compare an item's features, (D,) or (T, D) by modality, with the manifest's specifications.

    Raises:
        ShardError: If a modality is unknown or missing, or a width or type differs.
    """
    for name in sorted(set(manifest.features) ^ set(features)):
        raise ShardError(
            f"{where} and the manifest do not both have the features {name!r}: state them alike."
        )
    for name, tensor in features.items():
        spec = manifest.features[name]
        dtype = str(tensor.dtype).removeprefix("torch.")
        if tensor.ndim not in (1, 2) or tensor.shape[-1] != spec.dim or dtype != spec.dtype:
            raise ShardError(
                f"{where}: the features {name!r} are {tuple(tensor.shape)} {dtype}, but ({spec.dim},) or "
                f"(T, {spec.dim}) {spec.dtype} is stated: extract them anew."
            )


def find_item(members: Mapping[str, bytes | memoryview], *, where: str) -> ItemRecord | None:
    """The record of an item, or None where ``KEY.json`` is absent or somebody else's.

    Foreign tars hold JSON of any form. Only an object with ``id`` and ``label`` and no field that
    a record lacks is taken for a record, and then it must be one.

    Raises:
        ShardError: If it looks like a record and is none, or is no JSON.
    """
    if "json" not in members or "cls" in members:
        return None
    value = parse_json(members["json"], where=where)
    known = ItemRecord.__required_keys__ | ItemRecord.__optional_keys__
    if not isinstance(value, dict) or not {"id", "label"} <= set(value) or set(value) - known:
        return None
    return item_record(value, where=where)

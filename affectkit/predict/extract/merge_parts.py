"""From finished units to the new data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from torch import Tensor

from affectkit.data.decode import decode_safetensors
from affectkit.data.schema import conversation_record, item_record, parse_json
from affectkit.data.shards import DatasetWriter, Manifest, ShardStore, check_features, encode_tensors
from affectkit.data.shards.item_check import ItemLabels, check_item_features, item_labels
from affectkit.predict.extract.part_folder import PartFolder
from affectkit.predict.extract.work_unit import WorkUnit


def merge_parts(
    out: Path,
    template: Manifest,
    stores: Mapping[str, ShardStore],
    units: Sequence[WorkUnit],
    parts: PartFolder,
    *,
    overwrite: bool,
) -> Manifest:
    """Write the samples in their order with their features, and swap the set into place.

    ``KEY.json`` is copied byte for byte, features of the source are kept, other members (the
    faces, the voices) are left behind.
    """
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for unit in units:
            store = stores[unit.split]
            encoded = parts.read(unit)
            for position in range(unit.start, unit.stop):
                members = store.get(position)
                where = store.describe(position)
                kept: dict[str, Tensor] = {}
                if "safetensors" in members:
                    kept = decode_safetensors(members["safetensors"])
                prefix = f"{position}/"
                new = {
                    name.removeprefix(prefix): tensor
                    for name, tensor in encoded.items()
                    if name.startswith(prefix)
                }
                fit = _fit_conversation if template.kind == "conversation" else _fit_item
                features, labels = fit(members["json"], kept, new, template, where)
                writer.add(
                    unit.split,
                    store.key(position),
                    {"json": members["json"], "safetensors": encode_tensors(features)},
                    labels=labels,
                )
    return writer.manifest


_Fitted: TypeAlias = tuple[Mapping[str, Tensor], Sequence[ItemLabels]]


def _fit_conversation(
    json: memoryview, kept: Mapping[str, Tensor], new: Mapping[str, Tensor], template: Manifest, where: str
) -> _Fitted:
    """Features of a conversation, checked, and the labels to count."""
    record = conversation_record(parse_json(json, where=where), where=where)
    features = {**kept, **new}
    check_features(features, template, utterances=len(record["utterances"]), where=where)
    return features, [utterance["label"] for utterance in record["utterances"]]


def _fit_item(
    json: memoryview, kept: Mapping[str, Tensor], new: Mapping[str, Tensor], template: Manifest, where: str
) -> _Fitted:
    """Features of an item, the new ones as vectors, checked, and the labels to count."""
    record = item_record(parse_json(json, where=where), where=where)
    features = {**kept, **{name: table[0] for name, table in new.items()}}
    check_item_features(features, template, where=where)
    return features, [item_labels(record)]

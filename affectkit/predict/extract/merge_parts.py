"""From finished units to the new data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from affectkit.data.decode import decode_safetensors
from affectkit.data.schema import conversation_record, parse_json
from affectkit.data.shards import DatasetWriter, Manifest, ShardStore, check_features, encode_tensors
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
                record = conversation_record(parse_json(members["json"], where=where), where=where)
                kept: dict[str, Tensor] = {}
                if "safetensors" in members:
                    kept = decode_safetensors(members["safetensors"])
                prefix = f"{position}/"
                new = {
                    name.removeprefix(prefix): tensor
                    for name, tensor in encoded.items()
                    if name.startswith(prefix)
                }
                features = {**kept, **new}
                check_features(features, template, utterances=len(record["utterances"]), where=where)
                writer.add(
                    unit.split,
                    store.key(position),
                    {"json": members["json"], "safetensors": encode_tensors(features)},
                    labels=[item["label"] for item in record["utterances"]],
                )
    return writer.manifest

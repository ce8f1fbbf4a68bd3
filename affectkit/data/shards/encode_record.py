"""From a checked record, features and media to the members of a sample and the labels to count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from affectkit.data.schema import (
    ConversationRecord,
    ItemRecord,
    canonical_json,
    conversation_record,
    item_record,
)
from affectkit.data.shards.encode import encode_tensors
from affectkit.data.shards.item_check import ItemLabels, check_item, check_item_features, item_labels
from affectkit.data.shards.manifest import Manifest
from affectkit.data.shards.record_check import check_features, check_record


class EncodedSample(NamedTuple):
    """What a writer of shards takes: content by extension, and the labels of each item."""

    members: dict[str, bytes | memoryview]
    labels: list[ItemLabels]


def encode_conversation(
    record: ConversationRecord,
    template: Manifest,
    *,
    where: str,
    features: Mapping[str, Tensor],
    members: Mapping[str, bytes | memoryview],
) -> EncodedSample:
    """Check a conversation against the template and encode it.

    Raises:
        ShardError: If the record, a label or a feature does not fit the template.
    """
    checked = conversation_record(record, where=where)
    check_record(checked, template, where=where)
    contents: dict[str, bytes | memoryview] = {**members, "json": canonical_json(record)}
    if features:
        check_features(features, template, utterances=len(checked["utterances"]), where=where)
        contents["safetensors"] = encode_tensors(features)
    return EncodedSample(contents, [item["label"] for item in checked["utterances"]])


def encode_item(
    record: ItemRecord,
    template: Manifest,
    *,
    where: str,
    features: Mapping[str, Tensor],
    members: Mapping[str, bytes | memoryview],
) -> EncodedSample:
    """Check an item against the template and encode it.

    Raises:
        ShardError: If the record, a label or a feature does not fit the template.
    """
    checked = item_record(record, where=where)
    check_item(checked, template, where=where)
    contents: dict[str, bytes | memoryview] = {**members, "json": canonical_json(record)}
    check_item_features(features, template, where=where)
    if features:
        contents["safetensors"] = encode_tensors(features)
    return EncodedSample(contents, [item_labels(checked)])

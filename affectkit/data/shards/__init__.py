"""Shards: tars of samples with a sidecar index and a manifest, written atomically, read in place."""

from __future__ import annotations

from affectkit.data.schema import ShardError
from affectkit.data.shards.build_folder import build_folder, swap_into_place
from affectkit.data.shards.dataset_writer import DatasetWriter
from affectkit.data.shards.encode import encode_tensors
from affectkit.data.shards.encode_record import EncodedSample, encode_conversation, encode_item
from affectkit.data.shards.foreign import index_foreign, sample_labels
from affectkit.data.shards.item_check import (
    ItemLabels,
    check_item,
    check_item_features,
    counted_labels,
    find_item,
    item_labels,
)
from affectkit.data.shards.join_shards import read_entry, write_manifest
from affectkit.data.shards.licence import Licence, LicenceClass
from affectkit.data.shards.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    FeatureSpec,
    Manifest,
    SampleKind,
    ShardEntry,
    read_manifest,
)
from affectkit.data.shards.names import shard_name
from affectkit.data.shards.record_check import check_features, check_record
from affectkit.data.shards.shard_store import ShardStore, Verify, find_shards, open_shards, verify_shard
from affectkit.data.shards.shard_writer import ShardWriter

__all__ = (
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "DatasetWriter",
    "EncodedSample",
    "FeatureSpec",
    "ItemLabels",
    "Licence",
    "LicenceClass",
    "Manifest",
    "SampleKind",
    "ShardEntry",
    "ShardError",
    "ShardStore",
    "ShardWriter",
    "Verify",
    "build_folder",
    "check_features",
    "check_item",
    "check_item_features",
    "check_record",
    "counted_labels",
    "encode_conversation",
    "encode_item",
    "encode_tensors",
    "find_item",
    "find_shards",
    "index_foreign",
    "item_labels",
    "open_shards",
    "read_entry",
    "read_manifest",
    "sample_labels",
    "shard_name",
    "swap_into_place",
    "verify_shard",
    "write_manifest",
)

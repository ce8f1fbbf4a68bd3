"""Shards: tars of samples with a sidecar index and a manifest, written atomically, read in place."""

from __future__ import annotations

from affectkit.data.schema import ShardError
from affectkit.data.shards.licence import Licence, LicenceClass
from affectkit.data.shards.manifest import FeatureSpec, Manifest, SampleKind, ShardEntry, read_manifest

__all__ = (
    "FeatureSpec",
    "Licence",
    "LicenceClass",
    "Manifest",
    "SampleKind",
    "ShardEntry",
    "ShardError",
    "read_manifest",
)

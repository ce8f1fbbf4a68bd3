"""The protocol behind which samples lie, the stores that satisfy it, and their complete check."""

from __future__ import annotations

from affectkit.data.store.add_difficulties import add_difficulties
from affectkit.data.store.check import CheckReport, check_dataset
from affectkit.data.store.lmdb_copy import lmdb_to_shards, shards_to_lmdb
from affectkit.data.store.lmdb_store import LmdbStore, is_lmdb, open_lmdb
from affectkit.data.store.open_store import open_store
from affectkit.data.store.protocol import SampleStore
from affectkit.data.store.record_difficulties import record_difficulties

__all__ = (
    "CheckReport",
    "LmdbStore",
    "SampleStore",
    "add_difficulties",
    "check_dataset",
    "is_lmdb",
    "lmdb_to_shards",
    "open_lmdb",
    "open_store",
    "record_difficulties",
    "shards_to_lmdb",
)

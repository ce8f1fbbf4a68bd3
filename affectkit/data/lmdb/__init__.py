"""LMDB: packed samples in one file that is built once and then only read."""

from __future__ import annotations

from affectkit.data.lmdb.environment import DATA_NAME, LmdbReader, LmdbWriter, open_reader
from affectkit.data.lmdb.packed_sample import pack_sample, sample_key, unpack_sample

__all__ = (
    "DATA_NAME",
    "LmdbReader",
    "LmdbWriter",
    "open_reader",
    "pack_sample",
    "sample_key",
    "unpack_sample",
)

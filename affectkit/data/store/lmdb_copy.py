"""Shards to an LMDB and back, with the same samples in the same order."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from affectkit.atomic_file import write_atomically
from affectkit.data.lmdb import LmdbWriter, pack_sample
from affectkit.data.schema import ShardError
from affectkit.data.shards import (
    MANIFEST_NAME,
    ItemLabels,
    Manifest,
    ShardEntry,
    ShardWriter,
    build_folder,
    open_shards,
    read_manifest,
    write_manifest,
)
from affectkit.data.store.lmdb_store import (
    MANIFEST_ENTRY,
    SEAL_NAME,
    LmdbStore,
    entry_name,
    is_lmdb,
    open_lmdb,
    seal_of,
)

OnSample = Callable[[str, str], None]


def shards_to_lmdb(
    src: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_sample: OnSample | None = None,
) -> Manifest:
    """Build an LMDB from shards, beside its place, and swap it in when it is whole.

    The shards' checksums are compared while they are read. A data set that lies at ``out`` is never
    changed: readers keep the old file until they open the new one.

    Args:
        src: Folder or address of the shards.
        out: Folder to make: the data file, its seal ``lmdb.json``, and a copy of ``manifest.json``.
        overwrite: Replace the data set that lies at ``out``.
        on_sample: Called with split and key of every sample.

    Returns:
        The manifest, which is that of the shards.

    Raises:
        ShardError: If the shards are damaged, ``out`` exists, or LMDB cannot write there.
    """
    manifest = read_manifest(src)
    with build_folder(out, overwrite=overwrite) as folder:
        with LmdbWriter(folder) as writer:
            for split in sorted(manifest.splits):
                store = open_shards(src, split, verify="sha256")
                if store.manifest != manifest:
                    raise ShardError(f"{src} was replaced while it was read: run the command again.")
                for position in range(len(store)):
                    key = store.key(position)
                    writer.put(entry_name(split, position), pack_sample(key, store.get(position)))
                    if on_sample is not None:
                        on_sample(split, key)
            writer.put(MANIFEST_ENTRY, manifest.to_json())
        write_atomically(folder / MANIFEST_NAME, manifest.to_json())
        write_atomically(folder / SEAL_NAME, seal_of(folder))
    return manifest


def lmdb_to_shards(
    src: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_sample: OnSample | None = None,
) -> Manifest:
    """Write the shards from which an LMDB was built.

    Shards that affectkit wrote come back byte for byte. Those of a stock writer come back with the
    same names, keys and contents in affectkit's own layout, so with other checksums.

    Args:
        src: Folder of the LMDB.
        out: Folder to make.
        overwrite: Replace the data set that lies at ``out``.
        on_sample: Called with split and key of every sample.

    Returns:
        The manifest of the shards.

    Raises:
        ShardError: If the LMDB is damaged, or ``out`` exists.
    """
    if not is_lmdb(src):
        raise ShardError(f"{src} holds no LMDB: give a folder made by `affectkit shards to-lmdb`.")
    manifest = read_manifest(src)
    with build_folder(out, overwrite=overwrite) as folder:
        for split in manifest.splits:
            store = open_lmdb(src, split, verify="sha256")
            start = 0
            for entry in manifest.split_shards(split):
                _write_shard(folder, store, start, entry, manifest.num_classes, on_sample)
                start += entry.samples
        return write_manifest(folder, replace(manifest, shards=()))


def _write_shard(
    folder: Path,
    store: LmdbStore,
    start: int,
    entry: ShardEntry,
    num_classes: int,
    on_sample: OnSample | None,
) -> None:
    # The labels were counted when the shard was first written, by someone who knew where in a
    # sample they stand. The counts are taken over for the shard as a whole: an item may have several.
    counted = tuple(label for label, n in enumerate(entry.class_counts) for _ in range(n))
    labels: list[ItemLabels] = [counted, *[None] * (entry.items - 1)] if entry.items else []
    with ShardWriter(folder / entry.name, entry.split, num_classes=num_classes) as writer:
        for position in range(start, start + entry.samples):
            key = store.key(position)
            writer.add(key, store.get(position), labels=labels if position == start else ())
            if on_sample is not None:
                on_sample(entry.split, key)

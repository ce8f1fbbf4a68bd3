"""Joining finished shards, whoever wrote them, under one manifest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from affectkit.atomic_file import sync_folder, write_atomically
from affectkit.data.schema import ShardError
from affectkit.data.shards.manifest import MANIFEST_NAME, Manifest, ShardEntry
from affectkit.data.shards.shard_index import ShardIndex, open_index


def read_entry(path: Path) -> ShardEntry:
    """What the manifest is to say of a finished shard, from its index.

    A restarted job calls it to learn whether a shard is already there and whole.

    Args:
        path: The tar.

    Raises:
        ShardError: If the index is absent or damaged, or does not describe a tar of this size.
    """
    return _entry(path)[0]


def _entry(path: Path) -> tuple[ShardEntry, ShardIndex]:
    index_path = path.with_name(f"{path.name}.idx")
    index = open_index(index_path)
    if index.entry.name != path.name or not path.is_file() or path.stat().st_size != index.entry.bytes:
        raise ShardError(
            f"{path} is not the shard of {index.entry.bytes} bytes that its index describes: "
            "remove both and write them anew."
        )
    digest = hashlib.sha256(index_path.read_bytes()).hexdigest()
    return replace(index.entry, index_sha256=digest), index


def write_manifest(folder: Path, template: Manifest) -> Manifest:
    """Write ``folder/manifest.json`` over every shard in ``folder``, sorted by name.

    The result depends on the shards alone, not on how many processes wrote them.

    Args:
        folder: Where finished shards and their indexes lie.
        template: A manifest with everything but the shards.

    Raises:
        ShardError: If a shard is damaged, or two samples of a split have the same key.
    """
    entries: list[ShardEntry] = []
    seen: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("*.tar")):
        entry, index = _entry(path)
        keys = seen.setdefault(entry.split, {})
        for sample in range(len(index)):
            key = index.key(sample)
            if key in keys:
                raise ShardError(
                    f"The key {key!r} occurs in both {keys[key]} and {path.name}: give every sample of the "
                    f"split {entry.split!r} its own key."
                )
            keys[key] = path.name
        entries.append(entry)
    manifest = replace(template, shards=tuple(entries))
    write_atomically(folder / MANIFEST_NAME, manifest.to_json())
    sync_folder(folder)
    return manifest

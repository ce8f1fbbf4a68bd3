"""The complete check of a stored data set: every byte, every header, every value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from affectkit.data.decode import decode_sample
from affectkit.data.lmdb import DATA_NAME
from affectkit.data.remote import FileCache, RemoteError, is_remote
from affectkit.data.schema import ShardError, conversation_record
from affectkit.data.shards import (
    Manifest,
    ShardEntry,
    ShardStore,
    Verify,
    check_features,
    check_item,
    check_item_features,
    check_record,
    counted_labels,
    find_item,
    read_manifest,
    sample_labels,
    verify_shard,
)
from affectkit.data.shards.remote_shards import RemoteShards
from affectkit.data.store.lmdb_store import is_lmdb, open_lmdb
from affectkit.data.store.protocol import SampleStore


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check looked at, and every problem that it found, each in one sentence."""

    shards: int
    samples: int
    items: int
    bytes: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.problems


def check_dataset(
    root: str | os.PathLike[str],
    *,
    quick: bool = False,
    on_shard: Callable[[str], None] | None = None,
    cache: FileCache | None = None,
) -> CheckReport:
    """Check a data set and report all problems instead of stopping at the first.

    Every shard: size, checksums of tar and index, all headers, adjacency and names of members, and
    whether the index tells the same as the headers. Every sample: all members decoded, the record's
    structure, label ranges, NaN and infinities, shapes and types of features. The whole: keys that
    occur twice in a split, stated counts, and files that the manifest does not know.

    Args:
        root: Folder of the data set: shards, or the LMDB built from them; or the address of shards, of
            which one after the other is brought into the cache.
        quick: Leave out checksums and samples; only sizes, headers, indexes and names. At an address
            no shard is brought then, so headers are left out too.
        on_shard: Called with the name of every shard that is about to be checked.
        cache: Where files from an address are kept; see :func:`~affectkit.data.shards.open_shards`.
    """
    try:
        manifest = read_manifest(root)
    except (ShardError, RemoteError) as error:
        return CheckReport(0, 0, 0, 0, (str(error),))
    if is_remote(root):
        files = RemoteShards.at(os.fspath(root), manifest, cache or FileCache.from_environment())
        return _report(manifest, _check_remote(files, manifest, quick=quick, on_shard=on_shard))
    folder = Path(root)
    if is_lmdb(folder):
        return _report(manifest, _check_lmdb(folder, manifest, quick=quick, on_split=on_shard))
    problems: list[str] = []
    for entry in manifest.shards:
        if on_shard is not None:
            on_shard(entry.name)
        try:
            verify_shard(folder, entry, verify="headers" if quick else "sha256")
        except ShardError as error:
            problems.append(str(error))
            continue
        if not quick:
            problems += _check_samples(_one_shard(folder, manifest, entry), (entry,), folder / entry.name)
    problems += _repeated_keys(folder, manifest)
    stated = {name for entry in manifest.shards for name in (entry.name, entry.index_name)}
    problems += [
        f"{path} is not in the manifest: remove it, or build the manifest anew with `affectkit shards index`."
        for path in sorted(folder.glob("*.tar*"))
        if path.name not in stated
    ]
    return _report(manifest, problems)


def _report(manifest: Manifest, problems: Sequence[str]) -> CheckReport:
    return CheckReport(
        shards=len(manifest.shards),
        samples=sum(entry.samples for entry in manifest.shards),
        items=sum(entry.items for entry in manifest.shards),
        bytes=sum(entry.bytes for entry in manifest.shards),
        problems=tuple(problems),
    )


def _one_shard(
    folder: Path, manifest: Manifest, entry: ShardEntry, *, remote: RemoteShards | None = None
) -> ShardStore:
    return ShardStore(folder, replace(manifest, shards=(entry,)), entry.split, remote=remote)


def _check_remote(
    files: RemoteShards, manifest: Manifest, *, quick: bool, on_shard: Callable[[str], None] | None
) -> list[str]:
    problems: list[str] = []
    for entry in manifest.shards:
        if on_shard is not None:
            on_shard(entry.name)
        try:
            files.check(entry, whole=False)
            store = _one_shard(files.folder, manifest, entry, remote=files)
            for position in range(min(1, len(store))):
                store.key(position)  # opens the index
            if not quick:
                files.open_shard(entry).close()
                verify_shard(files.folder, entry, verify="sha256")
                problems += _check_samples(store, (entry,), files.folder / entry.name)
        except (ShardError, RemoteError) as error:
            problems.append(str(error))
    problems += _repeated_keys(files.folder, manifest, remote=files)
    # Where the cache lies says nothing to the reader: name the address.
    return [problem.replace(f"{files.folder}{os.sep}", files.source.address("")) for problem in problems]


def _check_lmdb(
    folder: Path, manifest: Manifest, *, quick: bool, on_split: Callable[[str], None] | None
) -> list[str]:
    problems: list[str] = []
    verify: Verify = "headers" if quick else "sha256"
    for split in manifest.splits:
        if on_split is not None:
            on_split(split)
        try:
            store = open_lmdb(folder, split, verify=verify)
        except ShardError as error:
            # LMDB trusts its pages: nothing more is read of a file that is not the one that was built.
            return [*problems, str(error)]
        verify = "headers"  # the checksum is that of all splits
        if not quick:
            problems += _check_samples(store, manifest.split_shards(split), folder / DATA_NAME)
    return problems


def _check_samples(store: SampleStore, entries: Sequence[ShardEntry], path: Path) -> list[str]:
    problems: list[str] = []
    manifest = store.manifest
    items, counts = 0, [0] * manifest.num_classes
    for position in range(len(store)):
        where = store.describe(position)
        members = store.get(position)
        try:
            values = decode_sample(members, where=where)
            _check_finite(values, where)
            if manifest.kind == "conversation":
                _check_conversation(values, manifest, where)
            elif (item := find_item(members, where=where)) is not None:
                check_item(item, manifest, where=where)
                check_item_features(_features(values), manifest, where=where)
            labels = sample_labels(members, kind=manifest.kind, where=where)
        except ShardError as error:
            problems.append(str(error))
            continue
        items += len(labels)
        for label in counted_labels(labels) if counts else ():
            if label >= len(counts):
                problems.append(f"{where} has the label {label}, but there are {len(counts)}: correct it.")
            else:
                counts[label] += 1
    stated = [sum(found) for found in zip(*(entry.class_counts for entry in entries), strict=True)]
    if not problems and (items, counts) != (sum(entry.items for entry in entries), stated):
        problems.append(f"{path} holds other labels than the manifest counts: make it anew.")
    return problems


def _check_finite(values: Mapping[str, object], where: str) -> None:
    for ext, value in values.items():
        tensors = value if isinstance(value, dict) else {ext: value}
        for name, tensor in tensors.items():
            if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
                continue
            if not bool(tensor.isfinite().all()):
                raise ShardError(f"{where}, member {ext!r}: {name!r} holds NaN or infinity: make it anew.")


def _check_conversation(values: Mapping[str, object], manifest: Manifest, where: str) -> None:
    record = conversation_record(values.get("json"), where=where)
    check_record(record, manifest, where=where)
    check_features(_features(values), manifest, utterances=len(record["utterances"]), where=where)


def _features(values: Mapping[str, object]) -> dict[str, Tensor]:
    stored = values.get("safetensors", {})
    return stored if isinstance(stored, dict) else {}


def _repeated_keys(folder: Path, manifest: Manifest, *, remote: RemoteShards | None = None) -> list[str]:
    problems: list[str] = []
    seen: dict[str, dict[str, str]] = {}
    for entry in manifest.shards:
        keys = seen.setdefault(entry.split, {})
        try:
            store = _one_shard(folder, manifest, entry, remote=remote)
            mine = [store.key(position) for position in range(len(store))]
        except (ShardError, RemoteError):
            continue  # reported with its shard
        for key in mine:
            if key in keys:
                problems.append(
                    f"{folder / entry.name}: the key {key!r} is also in {keys[key]}: give each its own."
                )
            keys[key] = entry.name
    return problems

"""Random access to the samples of a split: an index, and the tars mapped into memory."""

from __future__ import annotations

import hashlib
import mmap
import os
from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, get_args

from affectkit.data.remote import FileCache, is_remote
from affectkit.data.schema import ShardError
from affectkit.data.shards.manifest import Manifest, ShardEntry, read_manifest
from affectkit.data.shards.plain_headers import has_plain_headers
from affectkit.data.shards.remote_shards import RemoteShards
from affectkit.data.shards.shard_index import ShardIndex, group_members, open_index
from affectkit.data.shards.tar_scan import scan_tar

Verify: TypeAlias = Literal["size", "headers", "sha256"]

_MAX_MAPPED = 256  # each mapped tar holds a file handle, of which a process may have 1024
_MAX_MAPPED_REMOTE = 16  # a mapped file takes disk space also after the cache has removed its name


class ShardStore:
    """The samples of one split, by position; satisfies the protocol ``SampleStore``.

    Shards are mapped when they are first read, by each process for itself, and a pickled store
    carries no handle: fork, forkserver and spawn behave alike. Use :func:`open_shards`, which also
    verifies.

    Args:
        root: Folder of the data set.
        manifest: Its manifest.
        split: Which split to read.
        remote: Brings the files into ``root`` when they are first needed; None where they lie there.

    Raises:
        ShardError: If there is no such split.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        manifest: Manifest,
        split: str,
        *,
        remote: RemoteShards | None = None,
    ) -> None:
        self.root = Path(root)
        self.remote = remote
        self.manifest = manifest
        self.split = split
        self._entries = manifest.split_shards(split)
        self.counts = tuple(entry.samples for entry in self._entries)
        self._ends = tuple(accumulate(self.counts))
        self.fingerprint = manifest.fingerprint(split)
        self._indexes: dict[int, ShardIndex] = {}
        self._maps: OrderedDict[int, memoryview] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1]

    def key(self, position: int) -> str:
        """Key of the sample at ``position``.

        Raises:
            IndexError: If there is no such position.
        """
        shard, sample = self._locate(position)
        return self._index(shard).key(sample)

    def describe(self, position: int) -> str:
        """Shard and key of the sample at ``position``, to begin an error message with."""
        shard, sample = self._locate(position)
        return f"{self.root / self._entries[shard].name}, sample {self._index(shard).key(sample)!r}"

    def get(self, position: int) -> dict[str, memoryview]:
        """Members of the sample at ``position``: extension to bytes, read-only and not copied.

        Raises:
            IndexError: If there is no such position.
            ShardError: If the shard has been removed or changed since the store was opened.
        """
        shard, sample = self._locate(position)
        data = self._map(shard)
        return {ext: data[offset : offset + size] for ext, offset, size in self._index(shard).members(sample)}

    def _locate(self, position: int) -> tuple[int, int]:
        if not 0 <= position < len(self):
            raise IndexError(
                f"Split {self.split!r} of {self.root} has {len(self)} samples, and no {position}."
            )
        shard = bisect_right(self._ends, position)
        return shard, position - self._ends[shard] + self.counts[shard]

    def _index(self, shard: int) -> ShardIndex:
        index = self._indexes.get(shard)
        if index is None:
            entry = self._entries[shard]
            if self.remote is not None:
                self.remote.bring_index(entry)
            index = self._indexes[shard] = _open_index(self.root, entry)
        return index

    def _map(self, shard: int) -> memoryview:
        data = self._maps.get(shard)
        if data is None:
            entry = self._entries[shard]
            with self.open_file(shard) as file:
                data = memoryview(mmap.mmap(file.fileno(), entry.bytes, access=mmap.ACCESS_READ))
            self._maps[shard] = data
            if len(self._maps) > (_MAX_MAPPED if self.remote is None else _MAX_MAPPED_REMOTE):
                # Only the reference goes: slices that were handed out keep their map alive.
                self._maps.popitem(last=False)
        else:
            self._maps.move_to_end(shard)
        return data

    def open_file(self, shard: int) -> BinaryIO:
        """Open the tar of a shard, brought first where it is not here, to be read as a stream.

        Raises:
            ShardError: If it is absent or has another size than the manifest states.
        """
        entry = self._entries[shard]
        if self.remote is not None:
            return self.remote.open_shard(entry)
        _check_size(self.root, entry)
        return (self.root / entry.name).open("rb")

    def __getstate__(self) -> tuple[Path, Manifest, str, RemoteShards | None]:
        return self.root, self.manifest, self.split, self.remote

    def __setstate__(self, state: tuple[Path, Manifest, str, RemoteShards | None]) -> None:
        root, manifest, split, remote = state
        ShardStore.__init__(self, root, manifest, split, remote=remote)


def open_shards(
    root: str | os.PathLike[str],
    split: str,
    *,
    verify: Verify = "size",
    cache: FileCache | None = None,
) -> ShardStore:
    """Open one split and verify that its files are those of the manifest.

    Args:
        root: Folder of the data set, or its address (https, s3, gs, hf): then indexes are brought at
            once and each shard when it is first read, into a cache on the local disk.
        split: Which split.
        verify: ``"size"`` compares manifest, file sizes and indexes, without reading the tars;
            ``"headers"`` also compares every header with the index; ``"sha256"`` also reads everything
            and compares the checksums. What comes from an address is always compared with its
            checksum on arrival, so there ``"headers"`` means ``"size"`` and brings no shard beforehand.
        cache: Where files from an address are kept; None takes the cache that the environment
            variables ``AFFECTKIT_CACHE`` and ``AFFECTKIT_CACHE_BYTES`` describe.

    Raises:
        ShardError: If a file is absent, cut, damaged, or not the one that the manifest states.
        RemoteError: If a file cannot be brought, or the cache has no room for it.
    """
    if verify not in get_args(Verify):
        raise ShardError(f"verify={verify!r} is unknown: use one of {', '.join(get_args(Verify))}.")
    store = find_shards(root, split, cache=cache)
    for number, entry in enumerate(store.manifest.split_shards(split)):
        if store.remote is not None:
            store.remote.check(entry, whole=verify == "sha256")
        if store.remote is None or verify == "sha256":
            verify_shard(store.root, entry, verify=verify)
        store._index(number)
    return store


def find_shards(root: str | os.PathLike[str], split: str, *, cache: FileCache | None = None) -> ShardStore:
    """Open one split and look at its manifest alone; each shard is compared when it is first read.

    Args:
        root: Folder of the data set, or its address.
        split: Which split.
        cache: Where files from an address are kept; see :func:`open_shards`.

    Raises:
        ShardError: If the manifest is absent or damaged, or has no such split.
        RemoteError: If the manifest cannot be brought.
    """
    manifest = read_manifest(root)
    if not is_remote(root):
        return ShardStore(root, manifest, split)
    remote = RemoteShards.at(os.fspath(root), manifest, cache or FileCache.from_environment())
    return ShardStore(remote.folder, manifest, split, remote=remote)


def verify_shard(root: Path, entry: ShardEntry, *, verify: Verify) -> None:
    """Compare one shard's files with the manifest.

    Raises:
        ShardError: At the first difference.
    """
    _check_size(root, entry)
    if verify == "size":
        return
    path, index = root / entry.name, _open_index(root, entry)
    if verify == "sha256":
        for file, stated in ((path, entry.sha256), (root / entry.index_name, entry.index_sha256)):
            if _digest(file) != stated:
                raise ShardError(
                    f"{file} has another sha256 than the manifest states, so its bytes have changed: "
                    "restore it or make the data set anew."
                )
    if has_plain_headers(path, index):
        return
    found = group_members(path, scan_tar(path), left_out=index.left_out)
    if found != [(index.key(sample), index.members(sample)) for sample in range(len(index))]:
        raise ShardError(
            f"The headers of {path} and its index differ: restore both or make the data set anew."
        )


def _open_index(root: Path, entry: ShardEntry) -> ShardIndex:
    index = open_index(root / entry.index_name)
    stated = (
        entry.name,
        entry.split,
        entry.samples,
        entry.items,
        entry.bytes,
        entry.sha256,
        entry.class_counts,
    )
    mine = index.entry
    if (
        mine.name,
        mine.split,
        mine.samples,
        mine.items,
        mine.bytes,
        mine.sha256,
        mine.class_counts,
    ) != stated:
        raise ShardError(
            f"The index {root / entry.index_name} belongs to another shard than the manifest's: "
            "restore it, or build it anew with `affectkit shards index`."
        )
    return index


def _check_size(root: Path, entry: ShardEntry) -> None:
    path = root / entry.name
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ShardError(f"{path} cannot be read ({error.strerror}): restore it or make it anew.") from error
    if size != entry.bytes:
        raise ShardError(
            f"{path} has {size} bytes and the manifest states {entry.bytes}, so it was cut or changed: "
            "restore it or make the data set anew."
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

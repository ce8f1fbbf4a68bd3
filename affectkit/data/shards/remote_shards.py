"""Shards that lie at an address, brought into the cache when they are needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from affectkit.data.remote import FileCache, RemoteFolder
from affectkit.data.schema import ShardError
from affectkit.data.shards.manifest import Manifest, ShardEntry

_RACES = 10


@dataclass(frozen=True, slots=True)
class RemoteShards:
    """Where the files of a data set lie, and where they are put. It can be pickled.

    Args:
        source: The folder at the address.
        cache: The cache of this node.
        group: Its folder in the cache, named by the manifest's content: a data set that was changed
            at its address is another one here.
    """

    source: RemoteFolder
    cache: FileCache
    group: str

    @classmethod
    def at(cls, url: str, manifest: Manifest, cache: FileCache) -> Self:
        """The shards of ``manifest`` at an address.

        Raises:
            RemoteError: If the address cannot be that of a folder.
        """
        return cls(RemoteFolder(url), cache, hashlib.sha256(manifest.to_json()).hexdigest()[:32])

    @property
    def folder(self) -> Path:
        """The folder in the cache into which the files come."""
        return self.cache.folder / self.group

    def check(self, entry: ShardEntry, *, whole: bool) -> None:
        """Bring a shard's index and compare the size that the server states, or bring all of it.

        Raises:
            ShardError: If the shard has another size there.
            RemoteError: If it cannot be brought.
        """
        self.bring_index(entry)
        if whole:
            self.open_shard(entry).close()
            return
        size = self.source.size(entry.name)
        if size is not None and size != entry.bytes:
            raise ShardError(
                f"{self.source.address(entry.name)} has {size} bytes and the manifest states {entry.bytes}: "
                "it was cut or changed, so copy the data set there anew."
            )

    def bring_index(self, entry: ShardEntry) -> None:
        """Bring the index of a shard.

        Raises:
            RemoteError: If it cannot be brought.
        """
        self.cache.fetch(self.source, entry.index_name, group=self.group, sha256=entry.index_sha256)

    def open_shard(self, entry: ShardEntry) -> BinaryIO:
        """Bring a shard and open it.

        Raises:
            ShardError: If other processes push it out of the cache again and again.
            RemoteError: If it cannot be brought.
        """
        for _ in range(_RACES):
            path = self.cache.fetch(
                self.source, entry.name, group=self.group, sha256=entry.sha256, size=entry.bytes
            )
            try:
                return path.open("rb")
            except FileNotFoundError:  # another process made room between the two lines
                continue
        raise ShardError(
            f"{entry.name} was pushed out of the cache {self.cache.folder} {_RACES} times before it could be "
            "opened, so the cache is too small for its processes: raise AFFECTKIT_CACHE_BYTES."
        )

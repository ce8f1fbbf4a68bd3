"""Writing one shard: a tar that is whole and indexed when it has its name, or does not have it."""

from __future__ import annotations

import hashlib
import os
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from affectkit.atomic_file import sync_folder, write_atomically
from affectkit.data.schema import ShardError
from affectkit.data.shards.item_check import ItemLabels, counted_labels
from affectkit.data.shards.join_shards import read_entry
from affectkit.data.shards.manifest import ShardEntry
from affectkit.data.shards.names import check_split, member_name
from affectkit.data.shards.shard_index import IndexedMember, build_index
from affectkit.data.shards.tar_scan import END_MARK, padded

_MAX_MEMBER = 8 * 2**30 - 1  # what a USTAR size field can state


class ShardWriter:
    """Writes samples into one tar (USTAR, times and owners zero, members sorted) and its index.

    The tar grows under a temporary name; :meth:`close` writes the index, forces both to the disk
    and renames the tar last, so a tar under its own name is complete and indexed, also after a
    kill. Equal samples in equal order give equal bytes. Several processes may each write their
    own shards of one folder; :func:`write_manifest` then joins them.

    As a context manager it closes at the end and discards the shard on an error.

    Args:
        path: Where the shard is to lie, e.g. ``folder / shard_name("train", 0)``.
        split: Its split.
        num_classes: Number of labels in the label space, 0 without one.

    Raises:
        ShardError: If the split's name is not allowed.
    """

    def __init__(self, path: str | os.PathLike[str], split: str, *, num_classes: int = 0) -> None:
        check_split(split)
        self.path = Path(path)
        self.split = split
        self.samples = 0
        self.items = 0
        self.bytes = 0
        self._class_counts = [0] * num_classes
        self._keys: set[str] = set()
        self._index: list[tuple[str, list[IndexedMember]]] = []
        self._hash = hashlib.sha256()
        self._scratch = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:12]}")
        self._file = self._scratch.open("xb")

    def add(
        self,
        key: str,
        members: Mapping[str, bytes | memoryview],
        *,
        labels: Sequence[ItemLabels] = (None,),
    ) -> None:
        """Append one sample.

        Args:
            key: Key, unique in the split, without a dot.
            members: Extension (without the leading dot) to content.
            labels: Label of each item, i.e. of each utterance of a conversation or of the one
                sample itself; a tuple where it has several, None where it has none. They are
                counted in the manifest.

        Raises:
            ShardError: If the key, an extension or a label is refused; nothing is written then.
        """
        if not members:
            raise ShardError(f"Sample {key!r} of {self.path.name} has no member: give at least one.")
        names = {ext: member_name(key, ext) for ext in sorted(members)}
        if key in self._keys:
            raise ShardError(
                f"The key {key!r} occurs twice in {self.path.name}: give every sample its own key."
            )
        counted = counted_labels(labels)
        for label in counted:
            if not 0 <= label < len(self._class_counts):
                raise ShardError(
                    f"Sample {key!r} has the label {label}, but there are {len(self._class_counts)} labels: "
                    "map labels to the space first, and use None for an absent one."
                )
        for ext, name in names.items():
            if len(members[ext]) > _MAX_MEMBER:
                raise ShardError(f"The member {name!r} is over 8 GiB: split it into several members.")
        placed = [self._append(ext, name, members[ext]) for ext, name in names.items()]
        self._keys.add(key)
        self._index.append((key, placed))
        self.samples += 1
        self.items += len(labels)
        for label in counted:
            self._class_counts[label] += 1

    def _append(self, ext: str, name: str, content: bytes | memoryview) -> IndexedMember:
        info = tarfile.TarInfo(name)  # time, user and group are 0, mode is 0644
        info.size = len(content)
        self._write(info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
        placed = IndexedMember(ext, self.bytes, len(content))
        self._write(content)
        self._write(bytes(padded(len(content)) - len(content)))
        return placed

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)

    def close(self) -> ShardEntry:
        """Finish the shard and give it its name.

        Returns:
            What the manifest is to say of it.
        """
        try:
            self._write(END_MARK)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            entry = ShardEntry(
                name=self.path.name,
                split=self.split,
                samples=self.samples,
                items=self.items,
                bytes=self.bytes,
                sha256=self._hash.hexdigest(),
                class_counts=tuple(self._class_counts),
            )
            self.path.unlink(missing_ok=True)  # never an old tar beside a new index
            index = build_index(entry, self._index).to_bytes()
            write_atomically(self.path.with_name(entry.index_name), index)
            self._scratch.replace(self.path)
            sync_folder(self.path.parent)
        except BaseException:
            self.discard()
            raise
        return read_entry(self.path)

    def discard(self) -> None:
        """Give the shard up; nothing of it remains."""
        self._file.close()
        self._scratch.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file.closed:
            return
        if error is None:
            self.close()
        else:
            self.discard()

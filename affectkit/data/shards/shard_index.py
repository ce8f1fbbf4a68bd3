"""The sidecar index: where each member of each sample lies in its tar."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from affectkit.data.schema import ShardError, canonical_json, parse_json
from affectkit.data.shards.json_fields import JsonFields
from affectkit.data.shards.manifest import ShardEntry, shard_entry
from affectkit.data.shards.names import split_member_name
from affectkit.data.shards.tar_scan import END_MARK, TarMember

Int64Array: TypeAlias = npt.NDArray[np.int64]
# Few and large: opening one array of a file costs as much as a thousand entries of it.
_SHAPES = {"samples": 2, "members": 3}
_METADATA = "affectkit"  # one entry only: several would be written in an order that changes


class IndexedMember(NamedTuple):
    """A member of a sample: its extension and where its content lies."""

    ext: str
    offset: int
    size: int


IndexedSample: TypeAlias = tuple[str, Sequence[IndexedMember]]


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """Keys and members of one shard as flat arrays, which open by mapping the file.

    Sample ``i`` has the key ``key_bytes[key_start[i] : key_start[i + 1]]`` and the members
    ``first_member[i]`` to ``first_member[i + 1] - 1``; member ``j`` has the extension
    ``extensions[member_ext[j]]`` and lies at ``member_offset[j]``. Members of the kinds in
    ``left_out`` lie in the tar and are not listed.

    Shape:
        - first_member, key_start: (samples + 1,) int64.
        - member_ext, member_offset, member_size: (members,) int64.
        - key_bytes: (bytes of all keys,) uint8.
    """

    entry: ShardEntry
    extensions: tuple[str, ...]
    left_out: tuple[str, ...]
    first_member: Int64Array
    key_start: Int64Array
    member_ext: Int64Array
    member_offset: Int64Array
    member_size: Int64Array
    key_bytes: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.first_member) - 1

    def key(self, sample: int) -> str:
        """Key of a sample."""
        start, stop = self.key_start[sample : sample + 2].tolist()
        return self.key_bytes[start:stop].tobytes().decode("utf-8", "surrogateescape")

    def members(self, sample: int) -> list[IndexedMember]:
        """Members of a sample, in the order in which they lie."""
        start, stop = self.first_member[sample : sample + 2].tolist()
        return [
            IndexedMember(self.extensions[ext], offset, size)
            for ext, offset, size in zip(
                self.member_ext[start:stop].tolist(),
                self.member_offset[start:stop].tolist(),
                self.member_size[start:stop].tolist(),
                strict=True,
            )
        ]

    def to_bytes(self) -> bytes:
        """The file's content: a safetensors file, equal for equal indexes."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "samples": np.stack([self.first_member, self.key_start]),
            "members": np.stack([self.member_ext, self.member_offset, self.member_size]),
            "key_bytes": np.ascontiguousarray(self.key_bytes),
        }
        about = {
            "version": 1,
            "extensions": list(self.extensions),
            "left_out": list(self.left_out),
            "shard": asdict(self.entry),
        }
        return save(arrays, metadata={_METADATA: canonical_json(about).decode("utf-8")})


def build_index(
    entry: ShardEntry, samples: Iterable[IndexedSample], *, left_out: Iterable[str] = ()
) -> ShardIndex:
    """Lay out the index of ``samples``, which are in the order in which they lie in the tar."""
    extensions: dict[str, int] = {}
    key_start, first_member = [0], [0]
    keys = bytearray()
    ext: list[int] = []
    offset: list[int] = []
    size: list[int] = []
    for key, members in samples:
        keys += key.encode("utf-8", "surrogateescape")
        key_start.append(len(keys))
        for member in members:
            ext.append(extensions.setdefault(member.ext, len(extensions)))
            offset.append(member.offset)
            size.append(member.size)
        first_member.append(len(offset))
    return ShardIndex(
        entry=replace(entry, index_sha256=""),
        extensions=tuple(extensions),
        left_out=tuple(sorted(left_out)),
        first_member=np.array(first_member, dtype=np.int64),
        key_start=np.array(key_start, dtype=np.int64),
        member_ext=np.array(ext, dtype=np.int64),
        member_offset=np.array(offset, dtype=np.int64),
        member_size=np.array(size, dtype=np.int64),
        key_bytes=np.frombuffer(bytes(keys), dtype=np.uint8),
    )


def open_index(path: Path) -> ShardIndex:
    """Map an index file and check that every place in it lies inside the tar that it describes.

    Raises:
        ShardError: If the file is absent, damaged or contradicts itself.
    """
    try:
        # The torch framework maps the file: its pages are shared by all processes and read on demand.
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name).numpy() for name in (*_SHAPES, "key_bytes")}
    except (SafetensorError, OSError, TypeError) as error:
        raise _damaged(path, str(error)) from error
    about = JsonFields(parse_json(metadata.get(_METADATA, "").encode("utf-8"), where=str(path)), str(path))
    if about.integer("version") != 1:
        raise _damaged(path, f"its version {about.integer('version')} is unknown")
    if any(arrays[name].dtype != np.int64 for name in _SHAPES) or arrays["key_bytes"].dtype != np.uint8:
        raise _damaged(path, "an array has another type")
    if any(arrays[name].ndim != 2 or len(arrays[name]) != rows for name, rows in _SHAPES.items()):
        raise _damaged(path, "an array has another shape")
    if arrays["key_bytes"].ndim != 1:
        raise _damaged(path, "an array has another shape")
    first_member, key_start = arrays["samples"]
    member_ext, member_offset, member_size = arrays["members"]
    index = ShardIndex(
        entry=shard_entry(about.child("shard")),
        extensions=about.texts("extensions"),
        left_out=about.texts("left_out"),
        first_member=first_member,
        key_start=key_start,
        member_ext=member_ext,
        member_offset=member_offset,
        member_size=member_size,
        key_bytes=arrays["key_bytes"],
    )
    _check(path, index)
    return index


def _check(path: Path, index: ShardIndex) -> None:
    members = len(index.member_offset)
    if not (
        _partitions(index.first_member, members)
        and _partitions(index.key_start, len(index.key_bytes))
        and len(index) == index.entry.samples
    ):
        raise _damaged(path, "its arrays do not fit together")
    if not members:
        return
    room = index.entry.bytes - len(END_MARK)
    inside = (index.member_offset >= 0) & (index.member_offset <= room) & (index.member_size >= 0)
    if not np.all(inside & (index.member_size <= room - index.member_offset)):
        raise _damaged(path, "a member lies outside the shard")
    if np.any(index.member_offset[1:] < (index.member_offset + index.member_size)[:-1]):
        raise _damaged(path, "two members overlap")
    if index.member_ext.min() < 0 or index.member_ext.max() >= len(index.extensions):
        raise _damaged(path, "a member has no extension")


def _partitions(starts: Int64Array, stop: int) -> bool:
    return (
        len(starts) > 0 and starts[0] == 0 and starts[-1] == stop and bool(np.all(starts[1:] > starts[:-1]))
    )


def group_members(
    path: Path, members: Iterable[TarMember], *, left_out: Collection[str] = ()
) -> list[IndexedSample]:
    """Group the members of a tar into samples, as stock readers do: extensions in lower case.

    Args:
        path: The tar, for errors.
        members: Its members, in order.
        left_out: Kinds of members (the last part of the extension) to pass over.

    Raises:
        ShardError: If a name is unsafe, a key's members are apart (stock readers would make two
            half samples of them), or a sample has an extension twice.
    """
    samples: list[tuple[str, list[IndexedMember]]] = []
    seen: set[str] = set()
    for member in members:
        key, ext = split_member_name(member.name, where=str(path))
        ext = ext.lower()
        if not samples or samples[-1][0] != key:
            if key in seen:
                raise ShardError(
                    f"{path}: the members of sample {key!r} are not adjacent, or the key occurs twice: "
                    "write the shard anew with each sample's members together."
                )
            seen.add(key)
            samples.append((key, []))
        if ext.rpartition(".")[2] in left_out:
            continue
        if any(ext == other.ext for other in samples[-1][1]):
            raise ShardError(
                f"{path}: sample {key!r} has the member {ext!r} twice: write the shard anew with one."
            )
        samples[-1][1].append(IndexedMember(ext, member.offset, member.size))
    return list(samples)


def _damaged(path: Path, what: str) -> ShardError:
    return ShardError(
        f"The index {path} is damaged ({what}): restore it, or build it anew with `affectkit shards index`."
    )

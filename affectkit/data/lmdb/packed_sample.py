"""One sample as one value: its key and its members side by side, without pickles."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from affectkit.data.schema import ShardError

_HEAD = struct.Struct("<IH")  # bytes of the key, number of members
_MEMBER = struct.Struct("<HQ")  # bytes of the extension, bytes of the content
_ALIGN = 16  # LMDB lays a large value at a multiple of 16, and so every content starts at one
_MAX_VALUE = 2**32 - 1  # what LMDB can hold under one name


def pack_sample(key: str, members: Mapping[str, bytes | memoryview]) -> bytes:
    """Lay out a sample: counts, sizes, key, extensions, then the contents in the order given.

    Raises:
        ShardError: If the sample is too large for LMDB.

    Examples:
        >>> value = pack_sample("first", {"txt": b"hello", "cls": b"3"})
        >>> sample_key(value), {ext: bytes(data) for ext, data in unpack_sample(value).items()}
        ('first', {'txt': b'hello', 'cls': b'3'})
    """
    name = key.encode("utf-8", "surrogateescape")
    names = [ext.encode("utf-8", "surrogateescape") for ext in members]
    parts: list[bytes | memoryview] = [_HEAD.pack(len(name), len(names))]
    parts += (_MEMBER.pack(len(ext), len(data)) for ext, data in zip(names, members.values(), strict=True))
    parts += (name, *names)
    length = sum(map(len, parts))
    for data in members.values():
        gap = -length % _ALIGN
        parts += (bytes(gap), data)
        length += gap + len(data)
    if length > _MAX_VALUE:
        raise ShardError(
            f"The sample {key!r} has {length} bytes, and LMDB holds at most {_MAX_VALUE} in one value: "
            "keep this data set as shards, or split the sample."
        )
    return b"".join(parts)


def sample_key(value: bytes | memoryview) -> str:
    """The key of a packed sample.

    Raises:
        ShardError: If the value is damaged.
    """
    return _parse(memoryview(value))[0]


def unpack_sample(value: bytes | memoryview) -> dict[str, memoryview]:
    """Extension to content of a packed sample, not copied.

    Raises:
        ShardError: If the value is damaged.
    """
    view = memoryview(value)
    _, members, position = _parse(view)
    found: dict[str, memoryview] = {}
    for ext, size in members:
        position += -position % _ALIGN
        found[ext] = view[position : position + size]
        position += size
    if position != len(view) or len(found) != len(members):
        raise _damaged(f"its members take {position} of {len(view)} bytes")
    return found


def _parse(view: memoryview) -> tuple[str, list[tuple[str, int]], int]:
    """Key, (extension, size) of each member, and where the extensions end."""
    try:
        key_bytes, count = _HEAD.unpack_from(view)
        position = _HEAD.size + count * _MEMBER.size
        sizes = list(_MEMBER.iter_unpack(view[_HEAD.size : position]))
        key = _text(view, position, key_bytes)
        position += key_bytes
        members: list[tuple[str, int]] = []
        for ext_bytes, size in sizes:
            members.append((_text(view, position, ext_bytes), size))
            position += ext_bytes
    except (struct.error, UnicodeDecodeError) as error:
        raise _damaged(str(error)) from error
    if len(sizes) != count or position > len(view):
        raise _damaged("its header is cut")
    return key, members, position


def _text(view: memoryview, start: int, size: int) -> str:
    return str(view[start : start + size], "utf-8", "surrogateescape")


def _damaged(what: str) -> ShardError:
    return ShardError(f"A packed sample is damaged ({what}): build the LMDB anew from the shards.")

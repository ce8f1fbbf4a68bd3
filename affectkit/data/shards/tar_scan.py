"""Where the members of a tar lie, found by reading every header and trusting none."""

from __future__ import annotations

import mmap
import tarfile
from pathlib import Path
from typing import NamedTuple

from affectkit.data.schema import ShardError

BLOCK = 512
END_MARK = bytes(2 * BLOCK)
_REGULAR = (b"0", b"\0")
_EXTENDED = (b"x", b"g", b"L", b"K", b"X")  # pax and GNU records that change the next header
_FOLDER = b"5"


class TarMember(NamedTuple):
    """A regular file in a tar: its name and where its content lies."""

    name: str
    offset: int
    size: int


def padded(size: int) -> int:
    """``size`` rounded up to whole tar blocks."""
    return -(-size // BLOCK) * BLOCK


def scan_tar(path: Path) -> list[TarMember]:
    """List the members of a tar, checking every header, every bound and the end mark.

    A tar cut at a block boundary still opens with stock readers and silently ends early; here it
    lacks its end mark, which is an error. Extended headers (pax, GNU long names) are left to
    :mod:`tarfile`, with the same checks after it.

    Args:
        path: The tar.

    Raises:
        ShardError: If the file cannot be read, is cut, has a damaged header, or holds a link,
            a device or a sparse file. Folders are passed over.
    """
    try:
        with path.open("rb") as file:
            if path.stat().st_size < len(END_MARK):
                raise _damaged(path, 0, "it is shorter than a tar's end mark")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _walk(path, data)
    except OSError as error:
        raise ShardError(f"{path} cannot be read ({error.strerror}): restore it or make it anew.") from error


def _walk(path: Path, data: mmap.mmap) -> list[TarMember]:
    members: list[TarMember] = []
    position, length = 0, len(data)
    while True:
        header = data[position : position + BLOCK]
        if len(header) < BLOCK:
            raise _damaged(path, position, "it ends without an end mark, so it was cut")
        if not any(header):
            _check_end(path, data, position)
            return members
        _check_sum(path, position, header)
        kind = header[156:157]
        if kind in _EXTENDED or header[124] & 0x80:
            return _walk_with_tarfile(path, data)
        start = position + BLOCK
        size = _octal(path, position, header[124:136], "size")
        if kind == _FOLDER:
            size = 0
        elif kind in _REGULAR:
            members.append(TarMember(_name(header), start, size))
        else:
            raise _damaged(path, position, f"{_name(header)!r} is a link or device, which no sample may hold")
        if padded(size) > length - start:
            raise _damaged(
                path, position, f"{_name(header)!r} claims {size} bytes and the file ends before them"
            )
        position = start + padded(size)


def _walk_with_tarfile(path: Path, data: mmap.mmap) -> list[TarMember]:
    members: list[TarMember] = []
    position = 0
    try:
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                size = 0 if info.isdir() else info.size
                position = info.offset_data + padded(size)
                if info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    raise _damaged(
                        path,
                        info.offset,
                        f"{info.name!r} is a link, a device or sparse, which no sample may be",
                    )
                if size < 0 or position > len(data):
                    raise _damaged(
                        path, info.offset, f"{info.name!r} claims {size} bytes and the file ends before them"
                    )
                members.append(TarMember(info.name, info.offset_data, size))
    except (tarfile.TarError, OverflowError, RecursionError, UnicodeError) as error:
        raise _damaged(path, position, f"a header is unreadable ({error})") from error
    _check_end(path, data, position)
    return members


def _check_end(path: Path, data: mmap.mmap, position: int) -> None:
    end = data[position : position + len(END_MARK)]
    if len(end) < len(END_MARK) or any(end):
        raise _damaged(path, position, "its end mark is cut or damaged")
    if data[position:].strip(b"\0"):
        raise _damaged(path, position, "something follows its end mark")


def _check_sum(path: Path, position: int, header: bytes) -> None:
    stated = _octal(path, position, header[148:156], "checksum")
    if sum(header) - sum(header[148:156]) + 8 * ord(" ") != stated:
        raise _damaged(path, position, "a header's checksum is wrong")


def _octal(path: Path, position: int, field: bytes, what: str) -> int:
    digits = field.strip(b" \0")
    try:
        if not digits.isdigit():
            raise ValueError("not octal digits")
        return int(digits, 8)
    except ValueError as error:
        raise _damaged(path, position, f"a header's {what} is unreadable") from error


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    # The prefix field exists in POSIX headers only; GNU ones keep times there.
    if header[257:263] == b"ustar\0" and (prefix := header[345:500].partition(b"\0")[0]):
        name = prefix + b"/" + name
    return name.decode("utf-8", "surrogateescape")


def _damaged(path: Path, position: int, what: str) -> ShardError:
    return ShardError(f"{path} is damaged at byte {position}: {what}; restore it or make it anew.")

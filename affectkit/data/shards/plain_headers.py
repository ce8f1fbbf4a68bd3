"""Comparing all headers of a tar with its index at once, where the tar is as plain as ours."""

from __future__ import annotations

import mmap
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from affectkit.data.shards.names import split_member_name
from affectkit.data.shards.shard_index import ShardIndex
from affectkit.data.shards.tar_scan import BLOCK, END_MARK

_NAME, _SIZE, _SUM, _KIND, _PREFIX = slice(0, 100), slice(124, 135), slice(148, 154), 156, slice(345, 500)
_ZERO, _SEVEN = ord("0"), ord("7")
_LETTERS = np.zeros(256, dtype=np.bool_)
_LETTERS[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] = True
_AT_ONCE = 8192  # headers that are copied out of the file together


def has_plain_headers(path: Path, index: ShardIndex) -> bool:
    """Whether the tar holds the members of ``index``, in that order, under plain headers, and nothing else.

    True is an answer: the headers, their checksums, names, sizes and the end mark are right, and no key
    and no extension of a sample occurs twice. False only says that :func:`scan_tar` must look: the tar is
    damaged, or made in another way (longer names, other extensions' case, members that are left out).
    """
    members = len(index.member_offset)
    if index.left_out or not members:
        return False
    starts = index.member_offset - BLOCK
    ends = index.member_offset + -(-index.member_size // BLOCK) * BLOCK
    if starts[0] != 0 or not np.array_equal(starts[1:], ends[:-1]):
        return False
    names = _names(path, index)
    if names is None:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # Nothing but a bool comes back: an array left over would keep the map from being closed.
        return _agree(np.frombuffer(data, dtype=np.uint8), index, starts, int(ends[-1]), names)


def _agree(
    cells: npt.NDArray[np.uint8],
    index: ShardIndex,
    starts: npt.NDArray[np.int64],
    end: int,
    names: npt.NDArray[np.bytes_],
) -> bool:
    if len(cells) - end < len(END_MARK) or cells[end:].any():
        return False
    blocks = cells[: len(cells) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return all(
        _match(blocks[starts[part] // BLOCK], names[part], index.member_size[part])
        for part in (slice(at, at + _AT_ONCE) for at in range(0, len(starts), _AT_ONCE))
    )


def _names(path: Path, index: ShardIndex) -> npt.NDArray[np.bytes_] | None:
    """The name that each member must have; None where one has no plain form."""
    text = index.key_bytes.tobytes()
    bounds = index.key_start.tolist()
    keys = [text[start:stop] for start, stop in pairwise(bounds)]
    extensions = [f".{ext}".encode("utf-8", "surrogateescape") for ext in index.extensions]
    # each byte of each key at once; a key of other letters is looked at on its own
    if not _LETTERS[index.key_bytes].all() and not all(
        split_member_name(f"{index.key(sample)}.x", where=str(path)) == (index.key(sample), "x")
        for sample in range(len(index))
    ):
        return None
    if any(split_member_name(f"k.{ext}", where=str(path)) != ("k", ext) for ext in index.extensions):
        return None
    owners = np.arange(len(keys)).repeat(np.diff(index.first_member))
    pairs = owners * len(extensions) + index.member_ext
    if len(set(keys)) < len(keys) or len(np.unique(pairs)) < len(pairs):
        return None
    kinds = index.member_ext.tolist()
    names = [keys[owner] + extensions[kind] for owner, kind in zip(owners.tolist(), kinds, strict=True)]
    return np.array(names, dtype="S100") if max(map(len, names)) <= _NAME.stop else None


def _match(
    headers: npt.NDArray[np.uint8], names: npt.NDArray[np.bytes_], sizes: npt.NDArray[np.int64]
) -> bool:
    sums = (
        headers.sum(axis=1, dtype=np.int64) - headers[:, 148:156].sum(axis=1, dtype=np.int64) + 8 * ord(" ")
    )
    size, size_is_plain = _octal(headers[:, _SIZE])
    stated, sum_is_plain = _octal(headers[:, _SUM])
    ends = headers[:, [135, 154, 155]]
    kinds = headers[:, _KIND]
    found = np.ascontiguousarray(headers[:, _NAME]).view("S100")[:, 0]
    return bool(
        size_is_plain
        and sum_is_plain
        and np.array_equal(sums, stated)
        and np.array_equal(size, sizes)
        and np.array_equal(found, names)
        and ((kinds == 0) | (kinds == _ZERO)).all()
        and ((ends == 0) | (ends == ord(" "))).all()
        and not headers[:, _PREFIX].any()
    )


def _octal(digits: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], bool]:
    is_plain = bool(((digits >= _ZERO) & (digits <= _SEVEN)).all())
    places = 8 ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64)
    return (digits.astype(np.int64) - _ZERO) @ places, is_plain

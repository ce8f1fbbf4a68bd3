"""Names of keys, members and shards that are safe on every file system and for stock readers."""

from __future__ import annotations

import re

from affectkit.data.schema import ShardError, member_kind

_SPLIT = re.compile(r"[a-z][a-z0-9_]*")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|]|(?:^|/)(?:/|$)|(?:^|/)\.\.?(?:/|$)")
_NAME_BYTES = 100  # longer names need the prefix field or an extension that older readers lack


def check_key(key: str) -> None:
    """Refuse a key that a stock reader would cut, or that could leave its folder.

    Raises:
        ShardError: If the key is empty, holds a dot, a control character or an empty path part.
    """
    if "." in key:
        raise ShardError(
            f"The key {key!r} holds a dot, and readers of tar shards end the key at the first dot: "
            "replace the dots, for example by '_'."
        )
    if not key or _UNSAFE.search(key) or any(0xD800 <= ord(letter) <= 0xDFFF for letter in key):
        raise ShardError(
            f"The key {key!r} is no safe file name: use letters, digits, '_', '-' and single '/' between."
        )


def member_name(key: str, ext: str) -> str:
    """``KEY.EXT``, after checking both.

    Raises:
        ShardError: If key or extension is refused, or the name is longer than 100 bytes.
    """
    check_key(key)
    member_kind(ext)
    name = f"{key}.{ext}"
    if "/" in ext or _UNSAFE.search(name) or any(not part for part in ext.split(".")):
        raise ShardError(f"The member extension {ext!r} of key {key!r} is unsafe: use plain letters.")
    if len(name.encode("utf-8")) > _NAME_BYTES:
        raise ShardError(f"The member name {name!r} is over {_NAME_BYTES} bytes: use a shorter key.")
    return name


def check_split(split: str) -> None:
    """Refuse a split whose name cannot begin a shard's file name.

    Raises:
        ShardError: If the name is not lower-case letters, digits and '_'.
    """
    if not _SPLIT.fullmatch(split):
        raise ShardError(f"The split name {split!r} is not allowed: use train, val or test, in lower case.")


def shard_name(split: str, number: int) -> str:
    """File name of a shard.

    Examples:
        >>> shard_name("train", 7)
        'train-00007.tar'
    """
    check_split(split)
    return f"{split}-{number:05d}.tar"


def split_member_name(name: str, *, where: str) -> tuple[str, str]:
    """Key and extension of a member in a foreign tar: the key ends at the file name's first dot.

    Raises:
        ShardError: If the name is absolute, climbs out of its folder, or has no key or extension.
    """
    cleaned = name.removeprefix("./")
    if not cleaned or _UNSAFE.search(cleaned):
        raise ShardError(
            f"{where}: the member name {name!r} is unsafe (absolute, climbing or with control characters): "
            "do not use this shard, and ask where it comes from."
        )
    folder, slash, base = cleaned.rpartition("/")
    stem, dot, ext = base.partition(".")
    if not stem or not dot or not ext:
        raise ShardError(f"{where}: the member name {name!r} is not KEY.EXT: write the shard anew.")
    return folder + slash + stem, ext

"""One thing that is to be predicted, by its name and how to read it; nothing is read yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NamedTuple

from affectkit.data.decode import DecodeError
from affectkit.data.schema import ItemRecord, canonical_json

#: What a sample of shards consists of, by extension.
Members = Mapping[str, memoryview]
#: Members that say what is shown where only reading can tell, and the SHA-256 of what it was taken from.
REGION: Final = "region"
DIGEST: Final = "digest"


class PredictItem(NamedTuple):
    """A file, a part of one, an array or a sample of shards.

    Attributes:
        path: The file, ``SPLIT/KEY`` in shards, or ``array``.
        region: What of it is shown to the model.
        read: Gives the members of a sample, as shards hold them.
        part: Which part of the file it is, e.g. ``"line 3"``; empty = all of it.
        start: Where the part begins, in seconds.
        stop: Where it ends.
        text: What is said, of texts and turns.
        source: The file where ``read`` gives something else than its bytes.
        besides: Other files that are read with it, e.g. the recordings of a dialogue.
    """

    path: str
    region: str
    read: Callable[[], Members]
    part: str = ""
    start: float | None = None
    stop: float | None = None
    text: str = ""
    source: Path | None = None
    besides: tuple[Path, ...] = ()

    def digest(self, members: Members) -> str:
        """SHA-256 of the file; of an array or a sample of shards, of its own bytes."""
        if self.source is not None:
            stated = self.source.stat()
            return _file_digest(self.source, stated.st_mtime_ns, stated.st_size)
        found = hashlib.sha256()
        for name in sorted(members):
            # The record of a file or array is made up; of shards it says what the sample is.
            if name != "json" or len(members) == 1:
                found.update(members[name])
        return found.hexdigest()


def unreadable(path: str | Path, why: str, *, region: str) -> PredictItem:
    """An item whose row will say why it is none.

    Args:
        path: The file.
        why: The reason with its remedy, in one sentence.
        region: What would have been shown.
    """
    return PredictItem(str(path), region, partial(_refuse, why))


def file_members(kind: str, data: bytes) -> Members:
    """The members of a sample that one file makes: its bytes, and a record that knows nothing of it."""
    return {"json": item_json(), kind: memoryview(data)}


def item_json(**fields: object) -> memoryview:
    """The record of a single item without annotations."""
    record: ItemRecord = {"id": "item", "label": None}
    return memoryview(canonical_json({**record, **fields}))


def _refuse(why: str) -> Members:
    raise DecodeError(why)


@lru_cache(maxsize=16)
def _file_digest(path: Path, changed: int, size: int) -> str:
    # Time and size are arguments so that a file that was written anew is read anew.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

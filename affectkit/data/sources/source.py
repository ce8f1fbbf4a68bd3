"""What a source of data is: published files on one side, samples on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from affectkit.data.schema import ConversationRecord, ShardError
from affectkit.data.shards import Manifest


class SourceError(ShardError):
    """A published file is not as its documentation says: which file, which row, and why.

    Args:
        file: The file.
        row: Line in the file, counted from 1; None where the file itself is at fault.
        reason: What is wrong and what to do about it.
    """

    def __init__(self, file: Path, row: int | None, reason: str) -> None:
        place = str(file) if row is None else f"{file}, row {row}"
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.row = row
        self.reason = reason

    def __reduce__(self) -> tuple[type[SourceError], tuple[Path, int | None, str]]:
        return type(self), (self.file, self.row, self.reason)


class SourceSample(NamedTuple):
    """One conversation of a source, ready to be written."""

    split: str
    key: str
    record: ConversationRecord


@dataclass(frozen=True, slots=True)
class Source:
    """A reader of one published layout of files.

    Args:
        template: The manifest of what it makes, without shards; its name is that of the source.
        description: One line: what it is, and which files it wants.
        read: Yields the samples of a folder; raises :class:`SourceError` at the first bad row.
    """

    template: Manifest
    description: str
    read: Callable[[Path], Iterator[SourceSample]]

"""What a source of data is: published files on one side, samples on the other."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError
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
    """One sample of a source, ready to be written.

    ``record`` is of the kind that the source's manifest states: a conversation, or a single item.
    A member given as a path is read only when its shard is written, by whichever process does it.
    """

    split: str
    key: str
    record: ConversationRecord | ItemRecord
    members: Mapping[str, bytes | Path] = {}
    features: Mapping[str, Tensor] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """A reader of one published layout of files.

    Args:
        template: The manifest of what it makes, without shards; its name is that of the source.
        description: One line: what it is, and which files it wants.
        read: Yields the samples of a folder; raises :class:`SourceError` at the first bad row.
        options: What can be chosen, by name, each with one line that says what and its default.
        configure: Gives the source for a folder and the options chosen for it, where ``read`` or
            ``template`` depend on them. The folder may be a file where the source says so.
        verified: False where nobody has compared the layout with its documentation or real files.
    """

    template: Manifest
    description: str
    read: Callable[[Path], Iterator[SourceSample]]
    options: Mapping[str, str] = field(default_factory=dict)
    configure: Callable[[Path, Mapping[str, str]], Source] | None = None
    verified: bool = True

    def configured(self, folder: Path, options: Mapping[str, str]) -> Source:
        """The source with its options, which its manifest's command then names.

        Raises:
            ShardError: If it has no such option, or a value is not allowed.
        """
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise ShardError(f"The source {self.template.name!r} has no option {name!r}: it has {known}.")
        chosen = self if self.configure is None else self.configure(folder, options)
        stated = [f"--option {shlex.quote(f'{k}={_portable(v)}')}" for k, v in sorted(options.items())]
        command = " ".join((self.template.created_by, *stated))
        return replace(chosen, template=replace(chosen.template, created_by=command))


def _portable(text: str) -> str:
    # The name alone is enough to know a file again, and says nothing about the machine.
    path = Path(text)
    return path.name or text if path.is_absolute() else text

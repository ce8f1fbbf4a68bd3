"""The recordings and pictures that the turns of a dialogue name, read as members of a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from affectkit.data.decode import DecodeError
from affectkit.data.store.utterance_view import TURN
from affectkit.predict.item import DIGEST, Members


def media_files(turns: Sequence[Sequence[tuple[str, str]]]) -> dict[str, str]:
    """What each turn names, by the members that shards have it in.

    Args:
        turns: Kind and file of what belongs to each turn.

    Examples:
        >>> media_files([[("voice", "a.wav")], [("face", "b.PNG"), ("face", "c.png")]])
        {'voice-000.wav': 'a.wav', 'face-001.00.png': 'b.PNG', 'face-001.01.png': 'c.png'}
    """
    found: dict[str, str] = {}
    for number, named in enumerate(turns):
        for kind in dict.fromkeys(kind for kind, _ in named):
            files = [file for one, file in named if one == kind]
            for place, file in enumerate(files):
                which = f".{place:02d}" if len(files) > 1 else ""
                found[f"{kind}-{number:03d}{which}{Path(file).suffix.lower()}"] = file
    return found


class DialogueMedia:
    """Reads a dialogue with its files; the turns of it that follow each other read them once.

    Args:
        record: The dialogue, as shards have it.
        files: File of each member.
        root: Folder that the files are named from; None is that of the process.
    """

    def __init__(self, record: bytes, files: Mapping[str, str], *, root: Path | None) -> None:
        self._record = record
        self._files = files
        self._root = root or Path()

    def __call__(self, turn: int) -> Members:
        """Members of the dialogue, and which of its turns is meant.

        Raises:
            DecodeError: If a file cannot be read.
        """
        return {**_read(self), TURN: memoryview(str(turn).encode())}

    def read(self) -> Members:
        """Members of the dialogue, and one digest of all."""
        found: dict[str, memoryview] = {"json": memoryview(self._record)}
        digest = hashlib.sha256(self._record)
        for name, file in self._files.items():
            try:
                data = (self._root / file).read_bytes()
            except OSError as error:
                raise DecodeError(
                    f"The file {file!r} of {name.partition('.')[0]} cannot be read ({error.strerror}): "
                    f"correct its name, which begins in {self._root}."
                ) from error
            digest.update(data)
            found[name] = memoryview(data)
        return {**found, DIGEST: memoryview(digest.hexdigest().encode())}


# Turns of a dialogue are asked for one after the other, and again when they are predicted.
@lru_cache(maxsize=2)
def _read(media: DialogueMedia) -> Members:
    return media.read()

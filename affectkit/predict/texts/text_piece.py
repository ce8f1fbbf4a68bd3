"""One line, cue or turn of a file of texts."""

from __future__ import annotations

from typing import NamedTuple


class TextPiece(NamedTuple):
    """A text with where it stands.

    Attributes:
        part: What it is called in the table, e.g. ``"line 3"``.
        text: What is said.
        speaker: Who says it; empty where the file does not say.
        dialogue: Which dialogue of the file it belongs to.
        start: Where it begins, in seconds.
        stop: Where it ends.
        media: What belongs to it: ``"voice"``, ``"face"`` or ``"scene"``, and the name of the file.
        error: Why it cannot be read, in one sentence; empty where it can.
    """

    part: str
    text: str = ""
    speaker: str = ""
    dialogue: str = ""
    start: float | None = None
    stop: float | None = None
    error: str = ""
    media: tuple[tuple[str, str], ...] = ()

"""A file of texts to its lines, cues or turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.decode import DecodeError
from affectkit.predict.texts.json_pieces import json_pieces
from affectkit.predict.texts.subtitles import subtitle_pieces
from affectkit.predict.texts.text_piece import TextPiece

SUFFIXES: Final = (".txt", ".srt", ".vtt", ".jsonl")
FILES: Final = "txt, srt, vtt or jsonl"


def is_text(path: Path) -> bool:
    """Whether a file's name is that of texts."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_pieces(path: Path, *, media: bool = False) -> list[TextPiece]:
    """Read a file: a line, a cue or a turn a piece; empty ones are left out.

    In a ``.txt`` an empty line begins another dialogue.

    Args:
        path: The file.
        media: Whether turns of a ``.jsonl`` may name recordings and pictures, and then lack a text.

    Raises:
        DecodeError: If it is of another kind, is not UTF-8 or holds nothing.
        OSError: If it cannot be read.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DecodeError(
            f"The name of the file ends in {path.suffix or 'nothing'!r}, and the model reads {FILES}: write "
            "its texts to one of these."
        )
    data = path.read_bytes()
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"The file is not UTF-8 (byte {error.start}): save it in this encoding, or leave it out."
        ) from error
    match path.suffix.lower():
        case ".txt":
            found = list(_lines(content))
        case ".jsonl":
            found = list(json_pieces(content.encode(), media=media))
        case _:
            found = [piece for piece in subtitle_pieces(content) if piece.text or piece.error]
    if not found:
        raise DecodeError("The file holds no text: give one with words in it.")
    return found


def _lines(content: str) -> Iterator[TextPiece]:
    dialogue = 1
    spoken = False
    for number, line in enumerate(content.split("\n"), start=1):
        text = line.removesuffix("\r")
        if text.strip():
            spoken = True
            yield TextPiece(f"line {number}", text, dialogue=f"dialogue {dialogue}")
        elif spoken:
            dialogue, spoken = dialogue + 1, False

"""Subtitles in SubRip and WebVTT to texts with times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

from affectkit.predict.texts.text_piece import TextPiece

_TIMES: Final = re.compile(
    r"^\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
)
#: Lines that hold something, one under the other.
_BLOCK: Final = re.compile(r"(?:^[ \t]*\S.*(?:\n|\Z))+", re.MULTILINE)
#: What else begins a block in WebVTT.
_NO_CUE: Final = re.compile(r"\s*(?:WEBVTT|NOTE|STYLE|REGION)\b")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_MARKUP: Final = re.compile(r"<[^>]*>|\{\\[^}]*\}")


def subtitle_pieces(content: str) -> Iterator[TextPiece]:
    """Yield the cues of a file in their order; those without text, e.g. of music signs alone, too.

    A block without a line of times becomes a piece with its error, beside the head, the notes and the styles
    of WebVTT.

    Marks of style are removed, lines of a cue are joined, and ``<v NAME>`` of WebVTT names the speaker.

    Args:
        content: The file.

    Examples:
        >>> text = "1\\n00:00:01,500 --> 00:00:02,000\\n<i>Oh,</i>\\nhello.\\n"
        >>> for piece in subtitle_pieces(text):
        ...     print(piece.part, piece.start, piece.stop, piece.text)
        cue 1 1.5 2.0 Oh, hello.
    """
    number = 0
    web = content.lstrip("\ufeff").startswith("WEBVTT")
    for block in _BLOCK.finditer(content.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block[0].strip("\n").split("\n")
        place = next((i for i, line in enumerate(lines[:2]) if _TIMES.match(line)), None)
        if place is None:
            if not (web and _NO_CUE.match(block[0])):
                line = block.string.count("\n", 0, block.start()) + 1
                why = (
                    f"The block at line {line} has no line of times, such as 00:00:01,500 --> 00:00:02,000: "
                    "give it one, or leave the block out."
                )
                yield TextPiece(f"line {line}", error=why)
            continue
        number += 1
        found = _TIMES.match(lines[place])
        assert found is not None, "the line was chosen because it matches"
        said = " ".join(line.strip() for line in lines[place + 1 :])
        voice = _VOICE.search(said)
        yield TextPiece(
            f"cue {number}",
            " ".join(unescape(_MARKUP.sub("", said)).split()),
            speaker="" if voice is None else unescape(voice[1]).strip(),
            start=_seconds(found.groups()[:4]),
            stop=_seconds(found.groups()[4:]),
        )


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, rest = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + int((rest or "0").ljust(3, "0")) / 1000

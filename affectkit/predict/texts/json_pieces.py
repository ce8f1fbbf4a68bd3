"""JSON Lines of texts, turns or whole dialogues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from affectkit.data.schema import ShardError, parse_json
from affectkit.predict.texts.text_piece import TextPiece

_FORMS: Final = (
    'write {"text": ...}, {"dialogue": ..., "speaker": ..., "text": ...} or {"utterances": [{"speaker": ..., '
    '"text": ...}, ...]} on it'
)
#: What a turn may name, and how such files end.
_MEDIA: Final = {
    "voice": (".wav", ".flac"),
    "face": (".jpg", ".jpeg", ".png", ".webp"),
    "scene": (".jpg", ".jpeg", ".png", ".webp"),
}


def json_pieces(content: bytes, *, media: bool = False) -> Iterator[TextPiece]:
    """Yield the texts of a file; a line that holds none becomes a piece with its error.

    A line is a text, ``{"text": ...}``, a turn, which also has ``dialogue`` and ``speaker``, or a
    dialogue with ``utterances``. Speakers are names, or numbers that count in the dialogue's
    ``speakers``. A line without ``dialogue`` is a dialogue of one turn. ``id``, ``start``
    and ``end`` (seconds) are optional everywhere.

    Args:
        content: The file.
        media: Whether a turn may name its ``voice``, ``face`` (one, or a list) and ``scene``, and then lack a
            text.

    Examples:
        >>> [piece.text for piece in json_pieces(b'{"text": "hi"}\\n{"text": "you"}\\n')]
        ['hi', 'you']
    """
    for line, data in enumerate(content.split(b"\n"), start=1):
        if not data.strip():
            continue
        try:
            value = parse_json(data, where=f"Line {line}")
        except ShardError as error:
            yield TextPiece(f"line {line}", dialogue=f"line {line}", error=str(error))
            continue
        yield from _line(value, line, media=media)


def _line(value: object, line: int, *, media: bool) -> Iterator[TextPiece]:
    fault = f"Line {line} holds no text: {_FORMS}."
    turns = value.get("utterances") if isinstance(value, Mapping) else None
    if isinstance(value, Mapping) and isinstance(turns, list):
        named = value.get("id")
        dialogue = f"dialogue {named}" if isinstance(named, (str, int)) else f"line {line}"
        names = value.get("speakers")
        for number, turn in enumerate(turns):
            part = f"{dialogue} turn {number}"
            yield _piece(turn, part=part, dialogue=dialogue, names=names, fault=fault, media=media)
        if not turns:
            yield TextPiece(f"line {line}", dialogue=dialogue, error=fault)
        return
    # Lines that name no dialogue have nothing to do with one another.
    dialogue = f"line {line}"
    if isinstance(value, Mapping) and isinstance(value.get("dialogue"), (str, int)):
        dialogue = f"dialogue {value['dialogue']}"
    yield _piece(value, part=f"line {line}", dialogue=dialogue, names=None, fault=fault, media=media)


def _piece(value: object, *, part: str, dialogue: str, names: object, fault: str, media: bool) -> TextPiece:
    files: list[tuple[str, str]] = []
    if media and isinstance(value, Mapping):
        for kind, endings in _MEDIA.items():
            stated = value.get(kind)
            for name in stated if kind == "face" and isinstance(stated, list) else [stated]:
                if name is None:
                    continue
                if not isinstance(name, str) or not name.lower().endswith(endings):
                    wrong = (
                        f"The {kind} {name!r} of {part} is no file that can be read: name one that ends in "
                        f"{', '.join(endings)}."
                    )
                    return TextPiece(part, dialogue=dialogue, error=wrong)
                files.append((kind, name))
    text = value.get("text", "" if files else None) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(text, str):
        return TextPiece(part, dialogue=dialogue, error=fault)
    speaker = value.get("speaker", "")
    if isinstance(names, list) and isinstance(speaker, int) and 0 <= speaker < len(names):
        speaker = names[speaker]
    start, stop = (_seconds(value.get(name)) for name in ("start", "end"))
    return TextPiece(part, text, str(speaker), dialogue, start, stop, media=tuple(files))


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

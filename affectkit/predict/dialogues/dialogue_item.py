"""Turns that are to be predicted in their dialogues: of files, of lists and of samples of shards."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from affectkit.data.schema import ConversationRecord, ShardError, canonical_json
from affectkit.data.store import SampleStore
from affectkit.data.store.utterance_view import TURN, UtteranceView
from affectkit.predict.dialogues.dialogue_media import DialogueMedia, media_files
from affectkit.predict.find_items import ItemKind, find_items
from affectkit.predict.item import Members, PredictItem, unreadable
from affectkit.predict.texts.text_file import FILES, is_text, read_pieces
from affectkit.predict.texts.text_piece import TextPiece

REGION: Final = "turn in its dialogue"
#: What begins a line that says who speaks.
_NAMED: Final = re.compile(r"^\s*([^\W\d_][^:]{0,39}?)\s*:\s+(?=\S)")
_NOBODY: Final = "Speaker"


def dialogue_items(turns: Iterable[tuple[str, str]]) -> list[PredictItem]:
    """Take a dialogue of (speaker, text) as it is.

    Examples:
        >>> [item.part for item in dialogue_items([("Ann", "Hi."), ("Bob", "You came!")])]
        ['turn 0', 'turn 1']
    """
    pieces = [TextPiece(f"turn {number}", text, name) for number, (name, text) in enumerate(turns)]
    return list(_dialogue(pieces, path="array", source=None))


def find_dialogues(
    paths: Iterable[str | os.PathLike[str]], *, split: str = "test", media: bool = False
) -> list[PredictItem]:
    """The turns of dialogues in files, in those below folders, sorted, and in shards.

    Subtitles and a ``.txt`` are one dialogue (in a ``.txt`` an empty line begins another one); a line or cue
    that begins with ``NAME:`` and a blank is said by NAME. A file that holds no dialogue is kept, since its
    row then says so; in a folder one of another kind is passed over.

    Args:
        paths: Files, folders, or folders of shards.
        split: Split of the shards.
        media: Whether the recordings and pictures that turns of a ``.jsonl`` name are read along.

    Raises:
        PredictError: If there is no such place, a folder holds no such file, or nothing is named.
        ShardError: If shards are damaged.
    """
    kind = ItemKind(
        thing="dialogue",
        things="dialogues",
        stored="conversation",
        files=FILES,
        belongs=is_text,
        items=partial(_file, media=media),
        region=REGION,
        view=_utterances,
    )
    return find_items(paths, kind, split=split)


def _utterances(store: SampleStore) -> SampleStore:
    return UtteranceView(store)


def _file(path: Path, *, media: bool) -> Sequence[PredictItem]:
    try:
        pieces = read_pieces(path, media=media)
    except ShardError as error:
        return [unreadable(path, str(error), region=REGION)]
    except OSError as error:
        why = f"The file cannot be read ({error.strerror or error}): correct its rights."
        return [unreadable(path, why, region=REGION)]
    # Turns of one dialogue may lie apart in a file; they are brought together where it begins.
    order = {name: place for place, name in reversed(list(enumerate(p.dialogue for p in pieces)))}
    found: list[PredictItem] = []
    for _, turns in groupby(sorted(pieces, key=lambda p: order[p.dialogue]), key=lambda p: p.dialogue):
        found += _dialogue(list(turns), path=str(path), source=path)
    return found


def _dialogue(pieces: Sequence[TextPiece], *, path: str, source: Path | None) -> Iterator[PredictItem]:
    if wrong := next((piece.error for piece in pieces if piece.error), None):
        # What was said around a turn is part of what is predicted for it, so all of them are lost.
        for piece in pieces:
            yield unreadable(path, piece.error or wrong, region=REGION)._replace(part=piece.part)
        return
    said = [piece if piece.speaker else _with_speaker(piece) for piece in pieces]
    names = list(dict.fromkeys(piece.speaker for piece in said))
    record: ConversationRecord = {
        "id": "dialogue",
        "speakers": names,
        "utterances": [
            {"id": str(turn), "text": piece.text, "speaker": names.index(piece.speaker), "label": None}
            for turn, piece in enumerate(said)
        ],
    }
    written = canonical_json(record)
    files = media_files([piece.media for piece in said])
    root = None if source is None else source.parent
    read = DialogueMedia(written, files, root=root) if files else None
    besides = tuple((root or Path()) / file for file in files.values())
    for turn, piece in enumerate(said):
        yield PredictItem(
            path,
            REGION,
            partial(_members, written, turn) if read is None else partial(read, turn),
            part=piece.part,
            start=piece.start,
            stop=piece.stop,
            text=piece.text,
            source=source,
            besides=besides,
        )


def _with_speaker(piece: TextPiece) -> TextPiece:
    found = _NAMED.match(piece.text)
    if found is None:
        return piece._replace(speaker=_NOBODY)
    return piece._replace(speaker=found[1], text=piece.text[found.end() :])


def _members(record: bytes, turn: int) -> Members:
    return {"json": memoryview(record), TURN: memoryview(str(turn).encode())}

"""Texts that are to be predicted: lines, cues and turns of files, strings and samples of shards."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from affectkit.data.schema import ShardError
from affectkit.predict.find_items import ItemKind, find_items
from affectkit.predict.item import Members, PredictItem, item_json, unreadable
from affectkit.predict.texts.text_file import FILES, is_text, read_pieces

REGION: Final = "text alone"


def text_item(text: str | PredictItem) -> PredictItem:
    """Take a text as it is; files are taken apart by :func:`find_texts`."""
    if isinstance(text, PredictItem):
        return text
    return PredictItem("array", REGION, partial(_members, text), text=text)


def find_texts(paths: Iterable[str | os.PathLike[str]], *, split: str = "test") -> list[PredictItem]:
    """The lines, cues and turns of files, of those below folders, sorted, and the samples of shards.

    A file that holds no text is kept, since its row then says so; in a folder one of another kind is
    passed over.

    Args:
        paths: Files, folders, or folders of shards.
        split: Split of the shards.

    Raises:
        PredictError: If there is no such place, a folder holds no such file, or nothing is named.
        ShardError: If shards are damaged.
    """
    kind = ItemKind(
        thing="text",
        things="texts",
        stored="text",
        files=FILES,
        belongs=is_text,
        items=_pieces,
        region=REGION,
    )
    return find_items(paths, kind, split=split)


def _pieces(path: Path) -> list[PredictItem]:
    try:
        pieces = read_pieces(path)
    except ShardError as error:
        return [unreadable(path, str(error), region=REGION)]
    except OSError as error:
        why = f"The file cannot be read ({error.strerror or error}): correct its rights."
        return [unreadable(path, why, region=REGION)]
    return [
        unreadable(path, piece.error, region=REGION)._replace(part=piece.part)
        if piece.error
        else PredictItem(
            str(path),
            REGION,
            partial(_members, piece.text),
            part=piece.part,
            start=piece.start,
            stop=piece.stop,
            text=piece.text,
            source=path,
        )
        for piece in pieces
    ]


def _members(text: str) -> Members:
    return {"json": item_json(text=text)}

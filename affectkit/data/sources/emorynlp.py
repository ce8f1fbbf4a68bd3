"""EmoryNLP: conversations of a television series in seven emotions of the feeling wheel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceSample
from affectkit.data.sources.text_repair import repair_windows_1252
from affectkit.labels import label_space

_SPACE: Final = label_space("emorynlp7.cosmic")
_SPLITS: Final = {"train": "train", "val": "dev", "test": "test"}
_PLACE: Final = ("Season", "Episode", "Scene_ID")
_COLUMNS: Final = ("Utterance", "Speaker", "Emotion", *_PLACE, "Utterance_ID")
_QUOTED: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")

_Row = tuple[RowValues, dict[str, str]]


def read_emorynlp(folder: Path) -> Iterator[SourceSample]:
    """Yield the scenes of ``emorynlp_{train,dev,test}_final.csv``; dev becomes ``val``.

    Season, episode and scene together name a conversation. Conversations come in the order of the
    file and utterances in that of ``Utterance_ID``. Several speakers of one line are one voice, in
    the order of the file, joined by " and ".

    Args:
        folder: Where the three files lie.

    Raises:
        SourceError: If a file or column is missing, a file is empty or not UTF-8, or a row has an
            unknown label, a repeated utterance, no text or speaker, or an unreadable number.
    """
    for split, name in _SPLITS.items():
        path = folder / f"emorynlp_{name}_final.csv"
        scenes: dict[tuple[int, ...], dict[int, _Row]] = {}
        for line, fields in csv_rows(path, columns=_COLUMNS):
            row = RowValues(path, line)
            place = tuple(row.whole(fields[column], what=column, low=0, high=10**6) for column in _PLACE)
            number = row.whole(fields["Utterance_ID"], what="Utterance_ID", low=0, high=10**6)
            turns = scenes.setdefault(place, {})
            if number in turns:
                raise row.wrong(
                    f"utterance {number} of this scene was already in row {turns[number][0].line}; "
                    "remove one of them."
                )
            turns[number] = row, fields
        for place, turns in scenes.items():
            season, episode, scene = place
            key = f"{name}_s{season:02d}_e{episode:02d}_c{scene:02d}"
            record = _conversation(key, turns)
            record["meta"] = {"season": season, "episode": episode, "scene": scene}
            yield SourceSample(split, key, record)


def _conversation(key: str, turns: dict[int, _Row]) -> ConversationRecord:
    speakers: dict[str, int] = {}
    utterances: list[UtteranceRecord] = []
    for number, (row, fields) in sorted(turns.items()):
        text = repair_windows_1252(fields["Utterance"]).strip()
        speaker = _speaker(repair_windows_1252(fields["Speaker"]).strip())
        if not text or not speaker:
            raise row.wrong("it lacks a text or a speaker; fill it in.")
        utterances.append(
            {
                "id": f"{key}_u{number:03d}",
                "text": text,
                "speaker": speakers.setdefault(speaker, len(speakers)),
                "label": _label(row, fields["Emotion"].strip()),
            }
        )
    return {"id": key, "speakers": list(speakers), "utterances": utterances}


def _label(row: RowValues, text: str) -> int:
    # The published names only: an alias would mean that it is another file.
    names = [label.capitalize() for label in _SPACE]
    if text not in names:
        raise row.wrong(f"the label {text!r} is none of {', '.join(names)}; correct it.")
    return names.index(text)


def _speaker(text: str) -> str:
    """``['Monica Geller']`` is a list in Python's notation; anything else is a plain name."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    names = ["".join(pair) for pair in _QUOTED.findall(text)]
    return " and ".join(name.strip() for name in names if name.strip())


EMORYNLP: Final = Source(
    template=Manifest(
        name="emorynlp",
        kind="conversation",
        label_space=_SPACE,
        licence=Licence("unstated", "unknown", "Lines of a television script; ask the authors."),
        created_by="affectkit shards make emorynlp SRC OUT",
    ),
    description="EmoryNLP conversations, from emorynlp_train_final.csv, _dev_final.csv and _test_final.csv",
    read=read_emorynlp,
    verified=False,
)

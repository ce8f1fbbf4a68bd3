"""MELD: multi-party conversations of a television series, from its three CSV files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.data.sources.text_repair import repair_windows_1252
from affectkit.labels import LabelSpace, label_space

_SPLITS: Final = {"train": "train", "val": "dev", "test": "test"}
_COLUMNS: Final = (
    "Utterance",
    "Speaker",
    "Emotion",
    "Sentiment",
    "Dialogue_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "StartTime",
    "EndTime",
)
_EMOTIONS: Final = label_space("meld7.official")
_SENTIMENTS: Final = label_space("meld3.sentiment")
_TIME: Final = re.compile(r"(\d+):([0-5]\d):([0-5]\d),(\d{1,3})")

_Row = tuple[int, dict[str, str]]


def read_meld(folder: Path) -> Iterator[SourceSample]:
    """Yield the dialogues of ``{train,dev,test}_sent_emo.csv``; MELD's dev becomes ``val``.

    Dialogues come in the order of the file and utterances in that of ``Utterance_ID``, whose gaps
    are kept as they are. Times are kept as annotated, also where an utterance ends when it begins
    or lasts for minutes; the comma in them is a decimal sign, and an empty time is null.

    Args:
        folder: Where the three files lie.

    Raises:
        SourceError: If a file or column is missing, a file is empty or not UTF-8, or a row has an
            unknown label, a repeated utterance, no text, or an unreadable number or time.
    """
    for split, name in _SPLITS.items():
        path = folder / f"{name}_sent_emo.csv"
        dialogues: dict[int, dict[int, _Row]] = {}
        for line, row in csv_rows(path, columns=_COLUMNS):
            dialogue = _number(path, line, row, "Dialogue_ID")
            utterance = _number(path, line, row, "Utterance_ID")
            turns = dialogues.setdefault(dialogue, {})
            if utterance in turns:
                raise SourceError(
                    path,
                    line,
                    f"utterance {utterance} of dialogue {dialogue} was already in row {turns[utterance][0]}; "
                    "remove one of them.",
                )
            turns[utterance] = line, row
        for dialogue, turns in dialogues.items():
            yield SourceSample(split, f"{name}_dia{dialogue}", _conversation(path, name, dialogue, turns))


def _conversation(path: Path, name: str, dialogue: int, turns: dict[int, _Row]) -> ConversationRecord:
    speakers: dict[str, int] = {}
    utterances: list[UtteranceRecord] = []
    episodes: set[tuple[int, int]] = set()
    for utterance, (line, row) in sorted(turns.items()):
        text = repair_windows_1252(row["Utterance"]).strip()
        speaker = repair_windows_1252(row["Speaker"]).strip()
        if not text or not speaker:
            raise SourceError(
                path,
                line,
                f"utterance {utterance} of dialogue {dialogue} lacks text or speaker; fill it in.",
            )
        episodes.add((_number(path, line, row, "Season"), _number(path, line, row, "Episode")))
        if len(episodes) > 1:
            raise SourceError(path, line, f"dialogue {dialogue} changes its episode; correct the id.")
        utterances.append(
            {
                "id": f"dia{dialogue}_utt{utterance}",
                "text": text,
                "speaker": speakers.setdefault(speaker, len(speakers)),
                "label": _label(path, line, row["Emotion"], _EMOTIONS),
                "start": _seconds(path, line, row["StartTime"]),
                "end": _seconds(path, line, row["EndTime"]),
                "extra": {"sentiment": _label(path, line, row["Sentiment"], _SENTIMENTS)},
            }
        )
    ((season, episode),) = episodes
    return {
        "id": f"{name}_dia{dialogue}",
        "speakers": list(speakers),
        "utterances": utterances,
        "meta": {"season": season, "episode": episode},
    }


def _number(path: Path, line: int, row: dict[str, str], column: str) -> int:
    text = row[column].strip()
    if not (text.isascii() and text.isdigit()):
        raise SourceError(path, line, f"{column} is {row[column]!r}; write a whole number.")
    return int(text)


def _label(path: Path, line: int, text: str, space: LabelSpace) -> int:
    # Exact names only: an alias in a published file would mean that it is another file.
    try:
        return space.labels.index(text.strip())
    except ValueError:
        raise SourceError(
            path, line, f"the label {text!r} is none of {', '.join(space.labels)}; correct it."
        ) from None


def _seconds(path: Path, line: int, text: str) -> float | None:
    if not text.strip():
        return None
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise SourceError(path, line, f"the time {text!r} is not HH:MM:SS,mmm; correct it or leave it empty.")
    hours, minutes, seconds = map(int, match.groups()[:3])
    # Three rows have two digits after the comma, which is read as the decimal sign it is.
    return round(hours * 3600 + minutes * 60 + seconds + float(f"0.{match[4]}"), 3)


MELD: Final = Source(
    template=Manifest(
        name="meld",
        kind="conversation",
        label_space=_EMOTIONS,
        extra_spaces={"sentiment": _SENTIMENTS},
        licence=Licence("GPL-3.0", "academic", "Lines of a television script; for research use."),
        created_by="affectkit shards make meld SRC OUT",
    ),
    description="MELD conversations, from train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv",
    read=read_meld,
)

"""EmotionTalk: Chinese conversations of two actors, labelled from sound, text, video and all together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.corpus_labels import CorpusLabel, read_corpus_labels
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import affect_scale, label_space

_SPACE: Final = label_space("emotiontalk7.official")
_SCALE: Final = affect_scale("sentiment.emotiontalk")
_VIEWS: Final = {"audio": "audio_label.npz", "text": "txt_label.npz", "video": "video_label.npz"}
_NAME: Final = re.compile(r"((G[0-9]+_[0-9]+)_([0-9]+))_([0-9]+)", re.ASCII)


def read_emotiontalk(folder: Path) -> Iterator[SourceSample]:
    """Yield the conversations of ``transcription.csv`` with the labels of ``mm_label.npz``.

    A clip ``G00009_42_14_024`` is turn 24 of conversation ``G00009_42``, said by speaker 14. The
    label is that given to all modalities together; those given to one alone are extra labels, null
    where their file is absent. The sentiment is a mean of five levels, and -10 means none. Marks in
    the transcripts, such as ``[over/]``, are kept.

    Args:
        folder: The folder ``mm-process``.

    Raises:
        SourceError: If a file is missing or refused, a name is of another form, a clip has no words
            or occurs twice, or a conversation is in two splits.
    """
    path = folder / "mm_label.npz"
    labels = _by_clip(path)
    views = {name: _by_clip(folder / file) for name, file in _VIEWS.items() if (folder / file).is_file()}
    said = _said(folder / "transcription.csv")
    conversations: dict[str, list[tuple[int, int, CorpusLabel]]] = {}
    for clip, label in labels.items():
        match = _NAME.fullmatch(clip)
        if match is None:
            raise SourceError(path, None, f"the clip {clip!r} is no GROUP_TALK_SPEAKER_TURN; correct it.")
        if clip not in said:
            raise SourceError(folder / "transcription.csv", None, f"it has no words for {clip!r}; add them.")
        conversations.setdefault(match[2], []).append((int(match[4]), int(match[3]), label))
    for name, turns in sorted(conversations.items()):
        if len({label.split for _, _, label in turns}) > 1:
            raise SourceError(path, None, f"the conversation {name!r} is in two splits; correct it.")
        # Both speakers count one row of turns, so its numbers give the order.
        turns.sort(key=lambda turn: turn[:2])
        speakers = sorted({speaker for _, speaker, _ in turns})
        record: ConversationRecord = {
            "id": name,
            "speakers": [f"{name.partition('_')[0]}_{speaker:02d}" for speaker in speakers],
            "utterances": [_turn(label, speakers.index(speaker), said, views) for _, speaker, label in turns],
        }
        yield SourceSample(turns[0][2].split, name, record)


def _turn(
    label: CorpusLabel, speaker: int, said: dict[str, str], views: dict[str, dict[str, CorpusLabel]]
) -> UtteranceRecord:
    clip = _clip_name(label.name)
    extra: dict[str, int | None] = {}
    for name in _VIEWS:
        found = views.get(name, {}).get(clip)
        extra[name] = None if found is None else found.label
    return {
        "id": clip,
        "text": said[clip],
        "speaker": speaker,
        "label": label.label,
        "dims": [label.value],
        "extra": extra,
    }


def _by_clip(path: Path) -> dict[str, CorpusLabel]:
    found = read_corpus_labels(path, space=_SPACE, scale=_SCALE)
    return {_clip_name(name): label for name, label in found.items()}


def _said(path: Path) -> dict[str, str]:
    said: dict[str, str] = {}
    for line, fields in csv_rows(path, columns=("name", "chinese")):
        clip = _clip_name(fields["name"])
        if clip in said:
            raise RowValues(path, line).wrong(f"the clip {clip!r} has words already; remove one of the rows.")
        said[clip] = fields["chinese"].strip()
    return said


def _clip_name(name: str) -> str:
    return name.strip().rpartition("/")[2].partition(".")[0]


EMOTIONTALK: Final = Source(
    template=Manifest(
        name="emotiontalk",
        kind="conversation",
        label_space=_SPACE,
        extra_spaces=dict.fromkeys(_VIEWS, _SPACE),
        dims=_SCALE,
        licence=Licence("CC BY-NC-SA 4.0", "non-commercial", "Attribution; share alike."),
        created_by="affectkit shards make emotiontalk SRC OUT",
    ),
    description="EmotionTalk conversations, from transcription.csv and mm_label.npz",
    read=read_emotiontalk,
)

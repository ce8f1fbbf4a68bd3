"""IEMOCAP: dyadic conversations of ten actors in five sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.list_rows import text_lines
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import affect_scale, label_space

_SPACE: Final = label_space("iemocap6.erc")
_SCALE: Final = affect_scale("vad.iemocap")
_SESSIONS: Final = range(1, 6)
_CODES: Final = frozenset({"ang", "dis", "exc", "fea", "fru", "hap", "neu", "oth", "sad", "sur", "xxx"})
_NUMBER: Final = r"(-?[0-9]+\.[0-9]+)"
_TURN: Final = re.compile(
    rf"\[{_NUMBER} - {_NUMBER}\]\t(Ses0[1-5][FM]_\w+_([FM])\w+)\t([a-z]+)\t"
    rf"\[{_NUMBER}, {_NUMBER}, {_NUMBER}\]"
)
_SAID: Final = re.compile(rf"(Ses0[1-5][FM]_\w+_[FM]\w+) \[{_NUMBER}-{_NUMBER}\]: ?(.*)")


def read_iemocap(folder: Path) -> Iterator[SourceSample]:
    """Yield the dialogues of ``Session[1-5]/dialog``, sessions 1 to 4 as train and 5 as test.

    Labels, times and dimensions come from ``EmoEvaluation/NAME.txt``, words from
    ``transcriptions/NAME.txt``; turns stand in order of time. Codes outside the six classes (xxx,
    oth, sur, fea, dis) give null, and so does a mean rating outside 1 to 5. What was said but not
    rated is left out. There is no validation split; ``meta["session"]`` allows other folds.

    Args:
        folder: The folder ``IEMOCAP_full_release``.

    Raises:
        SourceError: If a session or transcription is missing, a turn has no words or occurs twice,
            or a row is of another form.
    """
    for session in _SESSIONS:
        dialog = folder / f"Session{session}" / "dialog"
        ratings = sorted((dialog / "EmoEvaluation").glob("Ses*.txt"))
        if not ratings:
            raise SourceError(dialog / "EmoEvaluation", None, "there is no Ses*.txt; use the whole release.")
        for path in ratings:
            said = _said(dialog / "transcriptions" / path.name)
            turns = sorted(_turns(path, said), key=lambda turn: (turn["start"] or 0.0, turn["id"]))
            if not turns:
                raise SourceError(path, None, "no turn is rated in it; use the file as it was published.")
            record: ConversationRecord = {
                "id": path.stem,
                "speakers": [f"Ses0{session}F", f"Ses0{session}M"],
                "utterances": turns,
                "meta": {"session": session, "scripted": int("script" in path.stem)},
            }
            yield SourceSample("test" if session == _SESSIONS[-1] else "train", path.stem, record)


def _said(path: Path) -> dict[str, str]:
    said: dict[str, str] = {}
    for line, text in enumerate(text_lines(path), 1):
        # Transcribers left remarks between the turns.
        if not text.startswith("Ses"):
            continue
        match = _SAID.fullmatch(text.strip())
        if match is None:
            raise SourceError(path, line, "it is no TURN [START-END]: WORDS; use the file as published.")
        said[match[1]] = match[4].strip()
    return said


def _turns(path: Path, said: dict[str, str]) -> Iterator[UtteranceRecord]:
    seen: dict[str, int] = {}
    for line, text in enumerate(text_lines(path), 1):
        if not text.startswith("["):
            continue
        row = RowValues(path, line)
        match = _TURN.fullmatch(text.strip())
        if match is None:
            raise row.wrong("it is no [START - END], TURN, CODE, [V, A, D] with tabs; correct it.")
        start, end, turn, sex, code = match.groups()[:5]
        if code not in _CODES:
            raise row.wrong(f"the emotion {code!r} is none of {', '.join(sorted(_CODES))}; correct it.")
        if turn in seen:
            raise row.wrong(f"the turn {turn} was already in row {seen[turn]}; remove one of them.")
        if turn not in said:
            raise row.wrong(f"the transcription has no words for {turn}; use the files of one release.")
        seen[turn] = line
        means = [float(value) for value in match.groups()[5:]]
        yield {
            "id": turn,
            "text": said[turn],
            "speaker": 0 if sex == "F" else 1,
            "label": _SPACE.find(code),
            "start": float(start),
            "end": float(end),
            "dims": [mean if _SCALE.low <= mean <= _SCALE.high else None for mean in means],
        }


IEMOCAP: Final = Source(
    template=Manifest(
        name="iemocap",
        kind="conversation",
        label_space=_SPACE,
        dims=_SCALE,
        licence=Licence("IEMOCAP terms", "non-commercial", "On request to the authors; research only."),
        created_by="affectkit shards make iemocap SRC OUT",
    ),
    description="IEMOCAP conversations, from Session[1-5]/dialog/{EmoEvaluation,transcriptions}",
    read=read_iemocap,
)

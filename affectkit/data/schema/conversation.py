"""How one conversation is written on disk."""

from __future__ import annotations

from typing import Final, NotRequired, TypedDict, cast

from affectkit.data.schema.fields import (
    DIFFICULTY,
    DIMS,
    EXTRA,
    LABEL,
    META,
    SECONDS,
    TEXT,
    FieldCheck,
    check_fields,
    is_label,
    wrong_record,
)

_KIND: Final = "conversation record"


class UtteranceRecord(TypedDict):
    """One turn of a conversation; what is not annotated is null, never a sentinel number.

    ``speaker`` counts in the record's ``speakers``, ``label`` in the manifest's label space, and
    each value of ``extra`` in the manifest's extra space of that name; times are in seconds.
    """

    id: str
    text: str
    speaker: int
    label: int | None
    start: NotRequired[float | None]
    end: NotRequired[float | None]
    dims: NotRequired[list[float | None]]
    extra: NotRequired[dict[str, int | None]]


class ConversationRecord(TypedDict):
    """One conversation, its utterances in order of time: the ``KEY.json`` of a sample."""

    id: str
    speakers: list[str]
    utterances: list[UtteranceRecord]
    difficulty: NotRequired[float]
    meta: NotRequired[dict[str, str | int | float | None]]


def conversation_record(value: object, *, where: str = "a conversation") -> ConversationRecord:
    """Check the structure of parsed JSON and return it typed.

    Label ranges need the manifest and are checked where it is known.

    Args:
        value: What :func:`parse_json` returned.
        where: Names the sample in the error.

    Raises:
        ShardError: If a field is absent, unknown or of another type, a speaker's number is out
            of range, an id is repeated, or the conversation has no utterance.
    """
    items = check_fields(value, where, kind=_KIND, required=_REQUIRED, checks=_CHECKS)
    record = cast(ConversationRecord, items)
    speakers = len(record["speakers"])
    ids = {_utterance(u, f"{where}, utterance {i}", speakers) for i, u in enumerate(record["utterances"])}
    if len(ids) != len(record["utterances"]):
        raise wrong_record(where, _KIND, "two utterances have the same id")
    return record


def _utterance(value: object, where: str, speakers: int) -> str:
    items = check_fields(value, where, kind=_KIND, required=_UTTERANCE_REQUIRED, checks=_UTTERANCE_CHECKS)
    utterance = cast(UtteranceRecord, items)
    speaker = utterance["speaker"]
    if speaker >= speakers:
        raise wrong_record(where, _KIND, f"speaker must be a number from 0 to {speakers - 1}, not {speaker}")
    return utterance["id"]


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _has_utterances(value: object) -> bool:
    return isinstance(value, list) and len(value) > 0


def _is_speaker(value: object) -> bool:
    return value is not None and is_label(value)


_REQUIRED: Final = frozenset(("id", "speakers", "utterances"))
_CHECKS: Final = {
    "id": TEXT,
    "speakers": FieldCheck(_are_names, "a list of names"),
    "utterances": FieldCheck(_has_utterances, "a list with at least one utterance"),
    "difficulty": DIFFICULTY,
    "meta": META,
}
_UTTERANCE_REQUIRED: Final = frozenset(("id", "text", "speaker", "label"))
_UTTERANCE_CHECKS: Final = {
    "id": TEXT,
    "text": TEXT,
    "speaker": FieldCheck(_is_speaker, "a number from 0"),
    "label": LABEL,
    "start": SECONDS,
    "end": SECONDS,
    "dims": DIMS,
    "extra": EXTRA,
}

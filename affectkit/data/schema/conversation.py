"""How one conversation is written on disk."""

from __future__ import annotations

from typing import Final, NotRequired, TypedDict, cast

from affectkit.data.schema.fields import RecordFields, is_whole

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
    record = RecordFields(
        value, where, kind=_KIND, required=("id", "speakers", "utterances"), optional=("meta",)
    )
    record.text("id")
    speakers = record.items["speakers"]
    if not isinstance(speakers, list) or not all(isinstance(name, str) for name in speakers):
        raise record.wrong("speakers must be a list of names")
    utterances = record.items["utterances"]
    if not isinstance(utterances, list) or not utterances:
        raise record.wrong("utterances must be a list with at least one utterance")
    ids = [_utterance(item, f"{where}, utterance {i}", len(speakers)) for i, item in enumerate(utterances)]
    record.expect(len(set(ids)) == len(ids), "two utterances have the same id")
    record.meta()
    return cast(ConversationRecord, record.items)


def _utterance(value: object, where: str, num_speakers: int) -> str:
    item = RecordFields(
        value,
        where,
        kind=_KIND,
        required=("id", "text", "speaker", "label"),
        optional=("start", "end", "dims", "extra"),
    )
    item.text("text")
    speaker = item.items["speaker"]
    item.expect(
        is_whole(speaker) and 0 <= cast(int, speaker) < num_speakers,
        f"speaker must be a number from 0 to {num_speakers - 1}, not {speaker!r}",
    )
    item.label("label")
    item.number("start", "seconds")
    item.number("end", "seconds")
    item.dims()
    item.extra()
    return item.text("id")

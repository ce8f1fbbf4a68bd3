"""How one conversation is written on disk."""

from __future__ import annotations

import math
from typing import NotRequired, TypedDict, cast

from affectkit.data.schema.error import ShardError


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
    record = _mapping(value, where, required=("id", "speakers", "utterances"), optional=("meta",))
    _expect(isinstance(record["id"], str), where, "id must be a string")
    speakers = record["speakers"]
    if not isinstance(speakers, list) or not all(isinstance(name, str) for name in speakers):
        raise _broken(where, "speakers must be a list of names")
    utterances = record["utterances"]
    if not isinstance(utterances, list) or not utterances:
        raise _broken(where, "utterances must be a list with at least one utterance")
    ids = [_utterance(item, f"{where}, utterance {i}", len(speakers)) for i, item in enumerate(utterances)]
    _expect(len(set(ids)) == len(ids), where, "two utterances have the same id")
    meta = record.get("meta", {})
    _expect(
        isinstance(meta, dict) and all(v is None or isinstance(v, str | int | float) for v in meta.values()),
        where,
        "meta must map names to plain values",
    )
    return cast(ConversationRecord, record)


def _utterance(value: object, where: str, num_speakers: int) -> str:
    item = _mapping(
        value,
        where,
        required=("id", "text", "speaker", "label"),
        optional=("start", "end", "dims", "extra"),
    )
    name = item["id"]
    if not isinstance(name, str):
        raise _broken(where, "id must be a string")
    _expect(isinstance(item["text"], str), where, "text must be a string")
    speaker = item["speaker"]
    _expect(
        _is_int(speaker) and 0 <= cast(int, speaker) < num_speakers,
        where,
        f"speaker must be a number from 0 to {num_speakers - 1}, not {speaker!r}",
    )
    _expect(_is_label(item["label"]), where, f"label must be a number from 0 or null, not {item['label']!r}")
    for side in ("start", "end"):
        _expect(_is_number(item.get(side)), where, f"{side} must be seconds or null")
    dims = item.get("dims", [])
    _expect(isinstance(dims, list) and all(map(_is_number, dims)), where, "dims must be a list of numbers")
    extra = item.get("extra", {})
    _expect(
        isinstance(extra, dict) and all(map(_is_label, extra.values())),
        where,
        "extra must map names to numbers from 0 or null",
    )
    return name


def _mapping(
    value: object, where: str, *, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _broken(where, "a JSON object is wanted")
    missing = [name for name in required if name not in value]
    _expect(not missing, where, f"missing {', '.join(missing)}")
    unknown = sorted(set(value) - set(required) - set(optional))
    _expect(not unknown, where, f"unknown {', '.join(unknown)}")
    return value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_label(value: object) -> bool:
    return value is None or (_is_int(value) and cast(int, value) >= 0)


def _is_number(value: object) -> bool:
    if value is None or _is_int(value):
        return True
    return isinstance(value, float) and math.isfinite(value)


def _expect(condition: bool, where: str, what: str) -> None:
    if not condition:
        raise _broken(where, what)


def _broken(where: str, what: str) -> ShardError:
    return ShardError(f"{where} is no conversation record: {what}; make the shards anew from their source.")

"""The raw inputs of one modality, utterance by utterance."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from affectkit.data.decode import DecodeError, decode_member
from affectkit.data.schema import ShardError, conversation_record, item_record, parse_json
from affectkit.data.shards import SampleKind
from affectkit.predict.extract.error import ExtractError

#: Modality to the members of single items that the kinds ``image`` and ``audio`` have.
ITEM_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"visual": ("jpeg", "jpg", "png", "webp"), "audio": ("wav", "flac")}
)
#: Modality to the first part of its members' extension: ``KEY.face-003.png`` is utterance 3's face.
#: Text is in ``KEY.json``.
MODALITY_MEMBERS: Final[Mapping[str, str]] = MappingProxyType({"visual": "face", "audio": "voice"})


def utterance_items(
    members: Mapping[str, memoryview], modality: str, *, where: str = "a sample"
) -> list[list[object]]:
    """Decode what the encoder of a modality takes, by utterance: nothing where it lacks it, or several faces.

    Args:
        members: Members of a conversation, as a store gives them.
        modality: ``"text"`` (gives ``str``), ``"visual"`` (uint8 (H, W, 3) tensors) or ``"audio"``
            (samples (channels, T) and their rate).
        where: Names the sample in errors.

    Raises:
        ExtractError: If the modality is unknown, a member belongs to no utterance, or an utterance has
            several recordings.
        ShardError: If a member is damaged.
    """
    record = conversation_record(parse_json(members["json"], where=where), where=where)
    if modality == "text":
        return [[item["text"]] for item in record["utterances"]]
    if modality not in MODALITY_MEMBERS:
        known = ", ".join(("text", *MODALITY_MEMBERS))
        raise ExtractError(f"No members are known for the modality {modality!r}: use one of {known}.")
    items: list[list[object]] = [[] for _ in record["utterances"]]
    # Faces in the order of their numbers, wherever they lie in the file.
    for ext in sorted(members):
        name, dash, rest = ext.partition("-")
        number = rest.partition(".")[0]
        if name != MODALITY_MEMBERS[modality] or not dash or not number.isdecimal():
            continue
        if int(number) >= len(items):
            raise ExtractError(
                f"{where}: the member {ext!r} belongs to no utterance, there are {len(items)}: "
                "make the data set anew."
            )
        if items[int(number)] and modality != "visual":
            raise ExtractError(
                f"{where}: the member {ext!r} is a further recording of utterance {int(number)}, which is "
                "encoded from one alone: keep one of them."
            )
        try:
            items[int(number)].append(decode_member(ext, members[ext]))
        except DecodeError as error:
            raise DecodeError(f"{where}, member {ext!r}: {error}") from error
    return items


def item_texts(
    members: Mapping[str, memoryview], modality: str, *, where: str = "a sample"
) -> list[list[object]]:
    """The text of an item of the kind ``text``, as the one utterance of its sample.

    Raises:
        ExtractError: If another modality is asked for.
        ShardError: If the record is damaged or has no text.
    """
    if modality != "text":
        raise ExtractError(f"A data set of texts has no {modality} inputs: leave out that encoder.")
    record = item_record(parse_json(members["json"], where=where), where=where)
    if "text" not in record:
        raise ShardError(f"{where}: the record has no text: leave the sample out, or give it one.")
    return [[record["text"]]]


def item_media(
    members: Mapping[str, memoryview], modality: str, *, where: str = "a sample"
) -> list[list[object]]:
    """The picture or the recording of an item, decoded, or its text.

    Raises:
        ShardError: If it is damaged, or the item has none.
    """
    if modality == "text":
        return item_texts(members, modality, where=where)
    kind = next((kind for kind in ITEM_MEMBERS[modality] if kind in members), None)
    if kind is None:
        raise ShardError(f"{where}: the sample has no {modality} input: leave it out, or give it one.")
    try:
        return [[decode_member(kind, members[kind])]]
    except DecodeError as error:
        raise DecodeError(f"{where}, member {kind!r}: {error}") from error


def has_modality(members: Mapping[str, memoryview], modality: str, *, kind: SampleKind) -> bool:
    """Whether a sample has any input of a modality, without decoding it."""
    if kind in ("audio", "image"):
        if modality == "text":
            record = parse_json(members["json"], where="A sample") if "json" in members else None
            return isinstance(record, Mapping) and "text" in record
        return any(name in members for name in ITEM_MEMBERS[modality])
    if modality == "text":
        return "json" in members
    prefix = f"{MODALITY_MEMBERS.get(modality, '')}-"
    return any(ext.startswith(prefix) for ext in members)

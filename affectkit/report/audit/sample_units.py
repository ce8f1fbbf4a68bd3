"""From the members of a sample to the units that an audit compares."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.decode import DecodeError, Picture, decode_member, decode_safetensors, open_frames
from affectkit.data.schema import (
    ConversationRecord,
    ItemRecord,
    ShardError,
    conversation_record,
    member_kind,
    parse_json,
)
from affectkit.data.shards import ItemLabels, SampleKind, find_item, item_labels, sample_labels
from affectkit.report.audit.picture_hash import picture_hash
from affectkit.report.audit.text_sketch import count_words, normal_text, text_sketch
from affectkit.report.audit.unit_table import Unit

_PICTURES: Final = frozenset({"jpeg", "jpg", "png", "webp"})
_SOUNDS: Final = frozenset({"flac", "wav"})
_PRESENT: Final = ".present"
_TURN: Final = re.compile(r"[^.]*-(?P<turn>[0-9]+)\..+")  # face-003.png is the face of utterance 3
_DIGEST: Final = 16


class SampleAnnotation(NamedTuple):
    """What is stated about a sample and its items: utterances, or the sample itself as its one item."""

    id: str | None
    texts: tuple[str, ...]
    labels: tuple[ItemLabels, ...]
    dims: tuple[tuple[float | None, ...] | None, ...]
    people: tuple[str, ...]
    meta: Mapping[str, str | int | float | None]


def read_annotation(members: Mapping[str, memoryview], kind: SampleKind, *, where: str) -> SampleAnnotation:
    """Read what is stated about a sample.

    Raises:
        ShardError: If its record is damaged.
    """
    if kind == "conversation":
        if "json" not in members:
            raise ShardError(f"{where} has no json member: a conversation's record is wanted there.")
        return _of_conversation(conversation_record(parse_json(members["json"], where=where), where=where))
    if "cls" in members:
        (label,) = sample_labels(members, kind=kind, where=where)
        return SampleAnnotation(None, (), (label,), (None,), (), {})
    record = find_item(members, where=where)
    if record is None:
        return SampleAnnotation(None, (), (None,), (None,), (), {})
    return _of_item(record)


def _of_conversation(record: ConversationRecord) -> SampleAnnotation:
    turns = record["utterances"]
    return SampleAnnotation(
        record["id"],
        tuple(turn["text"] for turn in turns),
        tuple(turn["label"] for turn in turns),
        tuple(tuple(turn["dims"]) if "dims" in turn else None for turn in turns),
        tuple(record["speakers"]),
        record.get("meta", {}),
    )


def _of_item(record: ItemRecord) -> SampleAnnotation:
    return SampleAnnotation(
        record["id"],
        (record["text"],) if "text" in record else (),
        (item_labels(record),),
        (tuple(record["dims"]) if "dims" in record else None,),
        (record["speaker"],) if "speaker" in record else (),
        record.get("meta", {}),
    )


class SampleUnits(NamedTuple):
    """The units of a sample, and the members or features in which there is nothing to compare."""

    units: list[Unit]
    blank: list[tuple[str, int]]


def sample_units(
    members: Mapping[str, memoryview], kind: SampleKind, stated: SampleAnnotation, *, where: str
) -> SampleUnits:
    """Digest every text, picture, sound and feature of a sample.

    A conversation gives a unit ``dialogue`` of all its words, and a ``text`` for each utterance. A clip
    is one ``picture`` whose digest is of all its frames, and whose hash is of the middle one. A picture
    of one colour and features that are all zero are blank, and no unit.

    Args:
        members: Extension to content.
        kind: What the sample is.
        stated: What :func:`read_annotation` gave.
        where: Names the sample in errors.

    Raises:
        ShardError: If a member is damaged.
    """
    found = SampleUnits([], [])
    turns = len(stated.labels) if kind == "conversation" else 0
    if turns:
        found.units.append(text_unit(sample_text(stated), kind="dialogue"))
    for turn, text in enumerate(stated.texts):
        found.units.append(text_unit(text, turn=turn if turns else -1))
    for files, turn in _pictures(members, kind, turns):
        _add_picture(found, files, turn, where)
    for ext, data in members.items():
        what, turn = member_kind(ext), _turn_of(ext, turns)
        if what in _SOUNDS:
            found.units.append(Unit("audio", turn, digest(data)))
        elif what == "safetensors":
            _add_features(found, data, turns, where)
        elif what == "npy":
            found.units.append(Unit("array", turn, digest(data)))
        elif what == "txt" and not stated.texts:
            found.units.append(text_unit(str(decode_member(ext, data)), turn=turn))
    return found


def sample_text(stated: SampleAnnotation) -> str:
    """All words of a conversation, a line for each utterance."""
    return "\n".join(stated.texts)


def text_unit(text: str, *, turn: int = -1, kind: str = "text") -> Unit:
    """The unit of a text."""
    normal = normal_text(text)
    content = digest(text.strip().encode("utf-8", "surrogatepass"))
    return Unit(kind, turn, content, text_sketch(normal), count_words(text))


def digest(*parts: bytes | memoryview) -> bytes:
    """A digest of 16 bytes over parts of any length."""
    state = hashlib.blake2b(digest_size=_DIGEST)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def _add_picture(found: SampleUnits, files: Mapping[str, memoryview], turn: int, where: str) -> None:
    hashed = picture_hash(_pixels(files, where))
    if hashed is None:
        found.blank.append(("picture", turn))
    else:
        content = digest(*(files[name] for name in sorted(files)))
        found.units.append(Unit("picture", turn, content, (hashed,)))


def unit_pixels(
    members: Mapping[str, memoryview], kind: SampleKind, turn: int, turns: int, *, where: str
) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a sample that belong to ``turn``, as they were hashed: (H, W, 3)."""
    for files, owner in _pictures(members, kind, turns):
        if owner == turn:
            yield _pixels(files, where)


def _pictures(
    members: Mapping[str, memoryview], kind: SampleKind, turns: int
) -> Iterator[tuple[dict[str, memoryview], int]]:
    """The files of each picture or clip, and the utterance that it belongs to."""
    stills = {ext: data for ext, data in members.items() if member_kind(ext) in _PICTURES}
    if kind == "clip" and stills:
        yield stills, -1
        stills = {}
    for ext, data in members.items():
        if ext in stills or member_kind(ext) == "mp4":
            yield {ext: data}, _turn_of(ext, turns)


def _turn_of(ext: str, turns: int) -> int:
    match = _TURN.fullmatch(ext)
    return int(match["turn"]) if match is not None and int(match["turn"]) < turns else -1


def _pixels(files: Mapping[str, memoryview], where: str) -> NDArray[np.uint8]:
    try:
        only = min(files)
        if len(files) == 1 and only.rpartition(".")[2] in _PICTURES:
            return Picture(files[only], kind=only.rpartition(".")[2]).decode()
        frames = open_frames(files)
        return next(frames.read([len(frames) // 2]))
    except DecodeError as error:
        raise DecodeError(f"{where}, member {min(files)!r}: {error}") from error


def _add_features(found: SampleUnits, data: memoryview, turns: int, where: str) -> None:
    try:
        tensors = decode_safetensors(data)
    except DecodeError as error:
        raise DecodeError(f"{where}, member 'safetensors': {error}") from error
    for name, tensor in sorted(tensors.items()):
        if name.endswith(_PRESENT) and name.removesuffix(_PRESENT) in tensors:
            continue
        present = tensors.get(name + _PRESENT)
        for turn, row in _rows(tensor, turns):
            if present is not None and turn >= 0 and not bool(present[turn]):
                continue
            if not np.any(row):
                found.blank.append((f"features {name}", turn))
            else:
                shape = ",".join(map(str, row.shape)).encode()
                content = digest(str(tensor.dtype).encode(), shape, row.tobytes())
                found.units.append(Unit(f"features {name}", turn, content))


def _rows(tensor: Tensor, turns: int) -> Iterator[tuple[int, NDArray[np.generic]]]:
    values = tensor.float().numpy() if tensor.dtype.is_floating_point else tensor.numpy()
    if turns and tensor.ndim and len(tensor) == turns:
        yield from ((turn, np.ascontiguousarray(values[turn])) for turn in range(turns))
    else:
        yield -1, np.ascontiguousarray(values)

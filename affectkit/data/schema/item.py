"""How one sample that is no conversation is written on disk: a picture, a sound, a sentence, a clip."""

from __future__ import annotations

from typing import Final, NotRequired, TypedDict, cast

from affectkit.data.schema.fields import (
    DIFFICULTY,
    DIMS,
    LABEL,
    META,
    TEXT,
    FieldCheck,
    check_fields,
    is_label,
    is_number,
)


class ItemRecord(TypedDict):
    """The ``KEY.json`` of a sample of any kind but ``conversation``; media lie beside it.

    What is not annotated is null or left out, never a sentinel number. A picture is ``KEY.jpg``,
    ``KEY.png`` or ``KEY.webp``, a sound ``KEY.wav`` or ``KEY.flac``, a video ``KEY.mp4``, the
    frames of a clip ``KEY.frame-000.jpg`` and so on; text is in the record.

    - ``label`` counts in the manifest's label space; null in a multi-label one.
    - ``multilabel`` lists the labels that hold, ascending; left out where nobody annotated them.
    - ``votes`` holds one number for each label of the space, e.g. how many people chose it.
    - ``dims`` follows the manifest's affect scale.
    - ``extra`` follows its extra spaces: a number, or in a multi-label space the list of labels that
      hold, ascending; null or left out where nobody annotated them.
    - ``speaker`` names the person that is heard or seen: folds are made by it.
    - ``box`` is left, top, right, bottom of the face or person, in pixels of the stored picture.
    - ``boxes`` holds such boxes by the name of a stream, e.g. ``face`` and ``context``: one for each
      frame, null where nothing was found, or a single one for all frames.
    - ``difficulty`` says how hard the sample is, for a curriculum; larger is harder.
    - ``meta`` holds plain values that only a person or a script for this set understands.
    """

    id: str
    label: int | None
    text: NotRequired[str]
    speaker: NotRequired[str]
    multilabel: NotRequired[list[int]]
    votes: NotRequired[list[float]]
    dims: NotRequired[list[float | None]]
    extra: NotRequired[dict[str, int | list[int] | None]]
    box: NotRequired[list[float]]
    boxes: NotRequired[dict[str, list[list[float] | None]]]
    difficulty: NotRequired[float]
    meta: NotRequired[dict[str, str | int | float | None]]


def item_record(value: object, *, where: str = "a sample") -> ItemRecord:
    """Check the structure of parsed JSON and return it typed.

    Label ranges need the manifest and are checked where it is known.

    Args:
        value: What :func:`parse_json` returned.
        where: Names the sample in the error.

    Raises:
        ShardError: If a field is absent, unknown or of another type.

    Examples:
        >>> item_record({"id": "face 1", "label": 3, "dims": [0.5, None]})["label"]
        3
    """
    return cast(
        ItemRecord, check_fields(value, where, kind="item record", required=_REQUIRED, checks=_CHECKS)
    )


def _several_labels(value: object) -> bool:
    if not isinstance(value, list) or not all(label is not None and is_label(label) for label in value):
        return False
    return value == sorted(set(value))


def _are_further_labels(value: object) -> bool:
    return isinstance(value, dict) and all(is_label(v) or _several_labels(v) for v in value.values())


def _are_votes(value: object) -> bool:
    return isinstance(value, list) and all(v is not None and is_number(v) and v >= 0 for v in value)


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(v is not None and is_number(v) for v in value)


def _are_boxes(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(boxes, list) and all(box is None or _is_box(box) for box in boxes)
        for boxes in value.values()
    )


_REQUIRED: Final = frozenset(("id", "label"))
_CHECKS: Final = {
    "id": TEXT,
    "label": LABEL,
    "text": TEXT,
    "speaker": TEXT,
    "multilabel": FieldCheck(_several_labels, "a list of numbers from 0, ascending without repetition"),
    "votes": FieldCheck(_are_votes, "a list of numbers from 0"),
    "dims": DIMS,
    "extra": FieldCheck(_are_further_labels, "a map of names to numbers from 0, lists of them, or null"),
    "box": FieldCheck(_is_box, "the four numbers left, top, right, bottom"),
    "boxes": FieldCheck(_are_boxes, "lists of boxes by name, each four numbers or null"),
    "difficulty": DIFFICULTY,
    "meta": META,
}

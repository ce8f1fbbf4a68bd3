"""How one sample that is no conversation is written on disk: a picture, a sound, a sentence, a clip."""

from __future__ import annotations

from typing import NotRequired, TypedDict, cast

from affectkit.data.schema.fields import RecordFields, is_label, is_number


class ItemRecord(TypedDict):
    """The ``KEY.json`` of a sample of any kind but ``conversation``; media lie beside it.

    What is not annotated is null or left out, never a sentinel number. A picture is ``KEY.jpg``,
    ``KEY.png`` or ``KEY.webp``, a sound ``KEY.wav`` or ``KEY.flac``, a video ``KEY.mp4``, the
    frames of a clip ``KEY.frame-000.jpg`` and so on; text is in the record.

    - ``label`` counts in the manifest's label space; null in a multi-label one.
    - ``multilabel`` lists the labels that hold, ascending; left out where nobody annotated them.
    - ``votes`` holds one number for each label of the space, e.g. how many people chose it.
    - ``dims`` follows the manifest's affect scale, ``extra`` its extra spaces.
    - ``speaker`` names the person that is heard or seen: folds are made by it.
    - ``box`` is left, top, right, bottom of the face or person, in pixels of the stored picture.
    - ``meta`` holds plain values that only a person or a script for this set understands.
    """

    id: str
    label: int | None
    text: NotRequired[str]
    speaker: NotRequired[str]
    multilabel: NotRequired[list[int]]
    votes: NotRequired[list[float]]
    dims: NotRequired[list[float | None]]
    extra: NotRequired[dict[str, int | None]]
    box: NotRequired[list[float]]
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
    record = RecordFields(
        value,
        where,
        kind="item record",
        required=("id", "label"),
        optional=("text", "speaker", "multilabel", "votes", "dims", "extra", "box", "meta"),
    )
    for name in ("id", "text", "speaker"):
        record.text(name)
    record.label("label")
    chosen = record.items.get("multilabel", [])
    if not isinstance(chosen, list) or not all(is_label(label) and label is not None for label in chosen):
        raise record.wrong("multilabel must be a list of numbers from 0")
    record.expect(chosen == sorted(set(chosen)), "multilabel must ascend without repetition")
    votes = record.items.get("votes", [])
    record.expect(
        isinstance(votes, list) and all(v is not None and is_number(v) and v >= 0 for v in votes),
        "votes must be a list of numbers from 0",
    )
    record.dims()
    record.extra()
    box = record.items.get("box", [0, 0, 0, 0])
    record.expect(
        isinstance(box, list) and len(box) == 4 and all(v is not None and is_number(v) for v in box),
        "box must be the four numbers left, top, right, bottom",
    )
    record.meta()
    return cast(ItemRecord, record.items)

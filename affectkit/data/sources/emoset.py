"""EmoSet-118K: pictures with the emotion that they evoke, and six attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from affectkit.data.schema import ItemRecord, ShardError, parse_json
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.picture_files import picture_member
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import LabelSpace, label_space

_SPLITS: Final = ("train", "val", "test")
_ATTRIBUTES: Final = ("brightness", "colorfulness", "scene", "facial_expression", "human_action")
#: The one attribute of which a picture may have several.
_OBJECT: Final = "object"
_SPACE: Final = label_space("emoset8.official")


def read_emoset(folder: Path, *, spaces: Mapping[str, LabelSpace]) -> Iterator[SourceSample]:
    """Yield the pictures of ``train.json``, ``val.json`` and ``test.json`` with their annotations.

    Rows are ``[emotion, id, picture, annotation]``. Attributes become extra labels, null where nobody
    annotated them; objects, of which a picture may have several, a list, empty where there is none.

    Args:
        folder: The folder of the data set.
        spaces: Label space of each attribute, as :func:`attribute_spaces` reads them.

    Raises:
        SourceError: If a list, picture or annotation is missing or of another form, an id occurs
            twice, or a label or attribute is unknown.
    """
    seen: set[str] = set()
    for split in _SPLITS:
        path = folder / f"{split}.json"
        rows = _json(path)
        if not isinstance(rows, list) or not rows:
            raise SourceError(path, None, "it is no list of pictures; use the file as it was published.")
        for number, fields in enumerate(rows, 1):
            row = RowValues(path, number)
            if not (
                isinstance(fields, list) and len(fields) == 4 and all(isinstance(f, str) for f in fields)
            ):
                raise row.wrong("it is no [emotion, id, picture, annotation]; use the file as published.")
            emotion, name, picture, annotation = fields
            key = safe_key(name)
            if key in seen:
                raise row.wrong(f"the id {name!r} was already used; remove one of the two.")
            seen.add(key)
            record: ItemRecord = {
                "id": name,
                "label": row.label(emotion, _SPACE),
                "extra": {},
            }
            _add_attributes(record, row.inside(folder, annotation), spaces)
            yield SourceSample(split, key, record, picture_member(row.inside(folder, picture), row))


def attribute_spaces(folder: Path) -> dict[str, LabelSpace]:
    """The label spaces of the attributes, in the order of ``info.json``.

    Raises:
        SourceError: If the file is missing, or does not number an attribute from 0 without gaps.
    """
    path = folder / "info.json"
    info = _json(path)
    spaces: dict[str, LabelSpace] = {}
    for name in (*_ATTRIBUTES, _OBJECT):
        part = info.get(name) if isinstance(info, dict) else None
        order = part.get("label2idx") if isinstance(part, dict) else None
        numbers = order.values() if isinstance(order, dict) else ()
        if not isinstance(order, dict) or sorted(numbers, key=str) != sorted(range(len(order)), key=str):
            raise SourceError(path, None, f"it does not number {name!r} from 0; use the published file.")
        labels = tuple(sorted(order, key=lambda label: int(order[label])))
        try:
            spaces[name] = LabelSpace(
                f"emoset{len(labels)}.{name}",
                labels,
                source="EmoSet:info.json",
                kind="multilabel" if name == _OBJECT else "categorical",
            )
        except ValueError as error:
            raise SourceError(path, None, str(error)) from error
    return spaces


def _add_attributes(record: ItemRecord, path: Path, spaces: Mapping[str, LabelSpace]) -> None:
    found = _json(path)
    if not isinstance(found, dict):
        raise SourceError(path, None, "it is no JSON object; use the file as it was published.")
    for name, space in spaces.items():
        value = found.get(name)
        if value is None:
            record["extra"][name] = None
        elif space.kind == "multilabel":
            if not isinstance(value, list):
                raise SourceError(path, None, f"{name} is no list of names; use the file as published.")
            record["extra"][name] = sorted({_number(path, name, one, space) for one in value})
        else:
            record["extra"][name] = _number(path, name, value, space)


def _number(path: Path, name: str, value: object, space: LabelSpace) -> int:
    # Brightness and colourfulness are numbers here and strings in info.json.
    if str(value) not in space.labels:
        raise SourceError(path, None, f"{name} is {value!r}, which info.json does not list; correct it.")
    return space.labels.index(str(value))


def _json(path: Path) -> object:
    try:
        return parse_json(path.read_bytes(), where=str(path))
    except OSError as error:
        raise SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.") from error
    except ShardError as error:
        raise SourceError(path, None, "it is no strict JSON; use the file as it was published.") from error


def _read(folder: Path) -> Iterator[SourceSample]:
    return read_emoset(folder, spaces=attribute_spaces(folder))


def _configure(folder: Path, options: Mapping[str, str]) -> Source:
    spaces = attribute_spaces(folder)
    template = replace(EMOSET.template, extra_spaces=spaces)
    return replace(EMOSET, template=template, read=partial(read_emoset, spaces=spaces))


EMOSET: Final = Source(
    template=Manifest(
        name="emoset",
        kind="image",
        label_space=_SPACE,
        licence=Licence("EmoSet terms", "non-commercial", "Research only; pictures must not be passed on."),
        created_by="affectkit shards make emoset SRC OUT",
    ),
    description="EmoSet-118K pictures and attributes, from info.json and {train,val,test}.json",
    read=_read,
    configure=_configure,
)

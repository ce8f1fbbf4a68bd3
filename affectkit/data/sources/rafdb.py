"""RAF-DB, basic emotions: aligned faces and the list of their labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.list_rows import list_rows
from affectkit.data.sources.picture_files import picture_member
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import label_space

_LIST: Final = Path("EmoLabel") / "list_patition_label.txt"
_SPACE: Final = label_space("rafdb7.official")


def read_rafdb(folder: Path) -> Iterator[SourceSample]:
    """Yield the faces of ``EmoLabel/list_patition_label.txt``, whose labels count from 1.

    The row ``train_00001.jpg 5`` means ``Image/aligned/train_00001_aligned.jpg``. There is no
    validation split: hold one out of ``train``.

    Args:
        folder: The folder ``basic`` of the data set.

    Raises:
        SourceError: If the list or a picture is missing, a name does not begin with its split or
            occurs twice, or a label is not from 1 to 7.
    """
    path = folder / _LIST
    seen: dict[str, int] = {}
    for line, (name, text) in list_rows(path, fields=2):
        row = RowValues(path, line)
        stem = name.removesuffix(".jpg")
        split = stem.partition("_")[0]
        if split not in ("train", "test") or stem == name or "/" in name:
            raise row.wrong(f"the name {name!r} is no train_NUMBER.jpg or test_NUMBER.jpg; correct it.")
        if name in seen:
            raise row.wrong(f"the name {name!r} was already in row {seen[name]}; remove one of them.")
        seen[name] = line
        label = row.whole(text, what="label", low=1, high=len(_SPACE)) - 1
        picture = folder / "Image" / "aligned" / f"{stem}_aligned.jpg"
        record: ItemRecord = {"id": name, "label": label}
        yield SourceSample(split, stem.replace(".", "_"), record, picture_member(picture, row))


RAFDB: Final = Source(
    template=Manifest(
        name="rafdb",
        kind="image",
        label_space=_SPACE,
        licence=Licence("RAF-DB terms", "non-commercial", "On request to the authors; research only."),
        created_by="affectkit shards make rafdb SRC OUT",
    ),
    description="RAF-DB aligned faces, from EmoLabel/list_patition_label.txt and Image/aligned",
    read=read_rafdb,
)

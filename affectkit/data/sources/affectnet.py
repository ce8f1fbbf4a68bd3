"""AffectNet: faces on the web with an expression, valence and arousal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.picture_files import picture_member
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import affect_scale, label_space

_SPLITS: Final = {"train": "training.csv", "val": "validation.csv"}
_PICTURE: Final = "subDirectory_filePath"
_BOX: Final = ("face_x", "face_y", "face_width", "face_height")
_COLUMNS: Final = (_PICTURE, *_BOX, "expression", "valence", "arousal")
_LANDMARKS: Final = "facial_landmarks"
_EMOTIONS: Final = label_space("affectnet8.official")
_RAW: Final = label_space("affectnet11.official")
_SCALE: Final = affect_scale("va.affectnet")


def read_affectnet(folder: Path) -> Iterator[SourceSample]:
    """Yield the pictures of ``training.csv`` and ``validation.csv``, at ``subDirectory_filePath``.

    Expressions 8 to 10 (none, uncertain, no face) are no emotions: the label is null there, and
    the extra label ``expression`` keeps the raw number. Valence and arousal of -2 mean that there
    are none. Boxes and, where the column exists, landmarks are kept; pictures are not cropped.

    Args:
        folder: Where the two files and the numbered folders of pictures lie.

    Raises:
        SourceError: If a file, column or picture is missing, a picture occurs twice, or a value
            is no number or out of range.
    """
    for split, name in _SPLITS.items():
        path = folder / name
        seen: dict[str, int] = {}
        for line, fields in csv_rows(path, columns=_COLUMNS):
            row = RowValues(path, line)
            place = fields[_PICTURE].strip()
            if place in seen:
                raise row.wrong(
                    f"the picture {place!r} was already in row {seen[place]}; remove one of them."
                )
            seen[place] = line
            picture = row.inside(folder, place)
            raw = row.whole(fields["expression"], what="expression", low=0, high=len(_RAW) - 1)
            left, top, width, height = (row.real(fields[column], what=column) for column in _BOX)
            if width < 0 or height < 0:
                raise row.wrong(f"the face is {width:g} x {height:g} pixels; correct its box.")
            record: ItemRecord = {
                "id": place,
                "label": raw if raw < len(_EMOTIONS) else None,
                "extra": {"expression": raw},
                "dims": row.dims([fields["valence"], fields["arousal"]], _SCALE),
                "box": [left, top, left + width, top + height],
            }
            if fields.get(_LANDMARKS):
                record["meta"] = {"landmarks": fields[_LANDMARKS]}
            key = safe_key(str(Path(place.replace("\\", "/")).with_suffix("")))
            yield SourceSample(split, key, record, picture_member(picture, row))


AFFECTNET: Final = Source(
    template=Manifest(
        name="affectnet",
        kind="image",
        label_space=_EMOTIONS,
        extra_spaces={"expression": _RAW},
        dims=_SCALE,
        licence=Licence("AffectNet terms", "non-commercial", "On request to the authors; research only."),
        created_by="affectkit shards make affectnet SRC OUT",
    ),
    description="AffectNet pictures, from training.csv, validation.csv and the folders that they name",
    read=read_affectnet,
)

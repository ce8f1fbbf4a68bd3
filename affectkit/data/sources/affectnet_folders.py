"""AffectNet as it is handed out in folders: pictures beside one small array for each annotation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.picture_files import is_picture, picture_member
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import affect_scale, label_space

_SPLITS: Final = {"train": "train_set", "val": "val_set"}
_SPACE: Final = label_space("affectnet8.official")
_SCALE: Final = affect_scale("va.affectnet")


def read_affectnet_folders(folder: Path) -> Iterator[SourceSample]:
    """Yield the pictures of ``{train,val}_set/images`` with ``annotations/ID_{exp,val,aro}.npy``.

    Errors name the annotation, or the folder and the picture's number in it.

    Args:
        folder: Where the two folders lie.

    Raises:
        SourceError: If a folder, annotation or picture is missing or empty, or a value is out of
            range.
    """
    for split, name in _SPLITS.items():
        place = folder / name / "images"
        pictures = sorted(filter(is_picture, place.iterdir())) if place.is_dir() else []
        if not pictures:
            raise SourceError(place, None, "there are no pictures; use the set as it was handed out.")
        for number, picture in enumerate(pictures, 1):
            stem = folder / name / "annotations" / picture.stem
            row = RowValues(place, number)
            expression, valence, arousal = (
                _number(stem.with_name(f"{stem.name}_{part}.npy")) for part in ("exp", "val", "aro")
            )
            record: ItemRecord = {
                "id": f"{name}/{picture.name}",
                "label": row.whole(expression, what="expression", low=0, high=len(_SPACE) - 1),
                "dims": row.dims([valence, arousal], _SCALE),
            }
            yield SourceSample(split, safe_key(picture.stem), record, picture_member(picture, row))


def _number(path: Path) -> str:
    # Some hold the number as text, some as a number.
    try:
        array = np.asarray(np.load(path, allow_pickle=False))
    except OSError as error:
        raise SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.") from error
    except (ValueError, EOFError) as error:
        raise SourceError(path, None, f"it is no plain array ({error}); use the published file.") from error
    if array.size != 1:
        raise SourceError(path, None, f"it holds {array.size} values, not one; use the published file.")
    return str(array.reshape(-1)[0])


AFFECTNET_FOLDERS: Final = Source(
    template=Manifest(
        name="affectnet_folders",
        kind="image",
        label_space=_SPACE,
        dims=_SCALE,
        licence=Licence("AffectNet terms", "non-commercial", "On request to the authors; research only."),
        created_by="affectkit shards make affectnet_folders SRC OUT",
    ),
    description="AffectNet pictures, from {train,val}_set/images and annotations/ID_{exp,val,aro}.npy",
    read=read_affectnet_folders,
    verified=False,
)

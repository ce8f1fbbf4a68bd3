"""CAER-S: stills of television series, one folder for each emotion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.picture_files import is_picture, picture_member
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("caer7.alphabetical")
_SPLITS: Final = ("train", "test")


def read_caer(folder: Path) -> Iterator[SourceSample]:
    """Yield the pictures of ``train/EMOTION`` and ``test/EMOTION``; the folder's name is the label.

    Every emotion must have its folder in both splits, so that a half-copied set is noticed. Errors
    name the folder of an emotion and, as row, the picture's number in it.

    Args:
        folder: Where the two folders lie.

    Raises:
        SourceError: If a folder is missing, unknown or twice there, or a picture cannot be used.
    """
    for split in _SPLITS:
        found: dict[int, Path] = {}
        if not (folder / split).is_dir():
            raise SourceError(folder / split, None, "there is no such folder; use the set as published.")
        for place in sorted(path for path in (folder / split).iterdir() if path.is_dir()):
            label = _SPACE.find(place.name)
            if label is None or label in found:
                known = ", ".join(_SPACE.labels)
                raise SourceError(
                    place, None, f"its name is none of {known}, or one of them again; rename it."
                )
            found[label] = place
        for label, name in enumerate(_SPACE.labels):
            if label not in found:
                raise SourceError(folder / split, None, f"it has no folder for {name!r}; use the whole set.")
        for label, place in sorted(found.items()):
            pictures = sorted(filter(is_picture, place.iterdir()))
            for number, picture in enumerate(pictures, 1):
                record: ItemRecord = {"id": f"{split}/{place.name}/{picture.name}", "label": label}
                key = safe_key(f"{place.name}/{picture.stem}")
                yield SourceSample(split, key, record, picture_member(picture, RowValues(place, number)))


CAER: Final = Source(
    template=Manifest(
        name="caer",
        kind="image",
        label_space=_SPACE,
        licence=Licence("CAER-S terms", "unknown", "Ask the authors; stills of television series."),
        created_by="affectkit shards make caer SRC OUT",
    ),
    description="CAER-S pictures, from train/EMOTION and test/EMOTION",
    read=read_caer,
    verified=False,
)

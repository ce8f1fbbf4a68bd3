"""RAER: clips of students, as CLIP-CAER reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.indexed_clips import read_indexed_clips
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("raer5.clip_caer")
_LISTS: Final = {"train": "train.txt", "test": "test.txt"}


def read_raer(folder: Path, *, lists: Mapping[str, str] = _LISTS) -> Iterator[SourceSample]:
    """Yield the clips of two lists with rows ``FOLDER FRAMES LABEL``, whose labels count from 1.

    Args:
        folder: Holds the lists and the folders of frames.
        lists: File name of the list of each split.

    Raises:
        SourceError: See :func:`read_indexed_clips`.
    """
    places = {split: folder / name for split, name in lists.items()}
    return read_indexed_clips(folder, lists=places, space=_SPACE, first_label=1)


def _configure(folder: Path, options: Mapping[str, str]) -> Source:
    return replace(RAER, read=partial(read_raer, lists={**_LISTS, **options}))


RAER: Final = Source(
    template=Manifest(
        name="raer",
        kind="clip",
        label_space=_SPACE,
        licence=Licence("RAER terms", "non-commercial", "On request to the authors."),
        created_by="affectkit shards make raer SRC OUT",
    ),
    description="RAER clips, from the lists train.txt and test.txt and the folders that they name",
    read=read_raer,
    options={
        "train": "file name of the training list (default: train.txt)",
        "test": "file name of the test list (default: test.txt)",
    },
    configure=_configure,
    # The rows are documented, the names of the lists are not.
    verified=False,
)

"""MAFW: clips with one of eleven emotions in five folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.clip_samples import ClipSamples
from affectkit.data.sources.fold_choice import FOLD_OPTION, chosen_fold
from affectkit.data.sources.list_rows import list_rows
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("mafw11.mae_dfer")


def read_mafw(folder: Path, *, fold: int = 1) -> Iterator[SourceSample]:
    """Yield the single-labelled clips of one fold, whose labels are names.

    The row ``00025.mp4 anger`` of ``split/single/no_caption/set_FOLD/{train,test}.txt`` means the
    frames in ``data/frames/00025``. The labels are stored in the order ``mafw11.mae_dfer``; the
    other order in use, ``mafw11.dfer_clip``, is reached by name. There is no validation split.

    Args:
        folder: The folder of the data set.
        fold: The fold whose clips are the test split.

    Raises:
        SourceError: If a list or a clip's frames are missing, a clip occurs twice, or a label is
            unknown.
    """
    clips = ClipSamples()
    for split in ("train", "test"):
        path = folder / "split" / "single" / "no_caption" / f"set_{fold}" / f"{split}.txt"
        for line, (video, text) in list_rows(path, fields=2):
            row = RowValues(path, line)
            clip = video.partition(".")[0]
            frames = row.inside(folder / "data" / "frames", clip)
            yield clips.sample(split, clip, frames, row.label(text, _SPACE), row)


def _configure(folder: Path, options: Mapping[str, str]) -> Source:
    return replace(MAFW, read=partial(read_mafw, fold=chosen_fold(options, name="mafw")))


MAFW: Final = Source(
    template=Manifest(
        name="mafw",
        kind="clip",
        label_space=_SPACE,
        licence=Licence("MAFW terms", "non-commercial", "On request to the authors; scenes of films."),
        created_by="affectkit shards make mafw SRC OUT",
    ),
    description="MAFW clips of one fold, from split/single/no_caption and data/frames",
    read=read_mafw,
    options=FOLD_OPTION,
    configure=_configure,
)

"""DFEW: clips of films in five folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.clip_samples import ClipSamples
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.fold_choice import FOLD_OPTION, chosen_fold
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("dfew7.official")


def read_dfew(folder: Path, *, fold: int = 1) -> Iterator[SourceSample]:
    """Yield the single-labelled clips of one fold, with the official frames of ``Clip/jpg_256``.

    Labels in ``EmoLabel_DataSplit/{train,test}(single-labeled)/set_FOLD.csv`` count from 1. There
    is no validation split: hold one out of ``train``.

    Args:
        folder: The folder of the data set.
        fold: The fold whose clips are the test split.

    Raises:
        SourceError: If a list, a column or a clip's frames are missing, a clip occurs twice, or a
            number is out of range.
    """
    clips = ClipSamples()
    for split in ("train", "test"):
        path = folder / "EmoLabel_DataSplit" / f"{split}(single-labeled)" / f"set_{fold}.csv"
        for line, fields in csv_rows(path, columns=("video_name", "label")):
            row = RowValues(path, line)
            clip = f"{row.whole(fields['video_name'], what='video name', low=0, high=99_999):05d}"
            label = row.whole(fields["label"], what="label", low=1, high=len(_SPACE)) - 1
            yield clips.sample(split, clip, folder / "Clip" / "jpg_256" / clip, label, row)


def _configure(folder: Path, options: Mapping[str, str]) -> Source:
    return replace(DFEW, read=partial(read_dfew, fold=chosen_fold(options, name="dfew")))


DFEW: Final = Source(
    template=Manifest(
        name="dfew",
        kind="clip",
        label_space=_SPACE,
        licence=Licence("DFEW terms", "non-commercial", "On request to the authors; scenes of films."),
        created_by="affectkit shards make dfew SRC OUT",
    ),
    description="DFEW clips of one fold, from EmoLabel_DataSplit and Clip/jpg_256",
    read=read_dfew,
    options=FOLD_OPTION,
    configure=_configure,
)

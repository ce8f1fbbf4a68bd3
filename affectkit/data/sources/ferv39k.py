"""FERV39k: clips of scenes, one split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.clip_samples import ClipSamples
from affectkit.data.sources.list_rows import list_rows
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("ferv39k7.mae_dfer")


def read_ferv39k(folder: Path) -> Iterator[SourceSample]:
    """Yield the clips of ``4_setups/All_scenes/{train,test}_All.csv``, whose labels are names.

    The row ``Action/Happy/0015 Happy`` means the frames in ``2_ClipsforFaceCrop/Action/Happy/0015``.
    There is no validation split: hold one out of ``train``.

    Args:
        folder: The folder of the data set.

    Raises:
        SourceError: If a list or a clip's frames are missing, a clip occurs twice, or a label is
            unknown.
    """
    clips = ClipSamples()
    for split in ("train", "test"):
        path = folder / "4_setups" / "All_scenes" / f"{split}_All.csv"
        for line, (clip, text) in list_rows(path, fields=2):
            row = RowValues(path, line)
            frames = row.inside(folder / "2_ClipsforFaceCrop", clip)
            yield clips.sample(split, clip, frames, row.label(text, _SPACE), row)


FERV39K: Final = Source(
    template=Manifest(
        name="ferv39k",
        kind="clip",
        label_space=_SPACE,
        licence=Licence("FERV39k terms", "non-commercial", "On request to the authors; research only."),
        created_by="affectkit shards make ferv39k SRC OUT",
    ),
    description="FERV39k clips, from 4_setups/All_scenes and 2_ClipsforFaceCrop",
    read=read_ferv39k,
)

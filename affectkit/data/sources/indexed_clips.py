"""Lists of clips as DFER-CLIP and CLIP-CAER keep them: folder, number of frames, number of the label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from affectkit.data.sources.clip_samples import ClipSamples
from affectkit.data.sources.list_rows import list_rows
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import SourceSample
from affectkit.labels import LabelSpace


def read_indexed_clips(
    folder: Path, *, lists: Mapping[str, Path], space: LabelSpace, first_label: int
) -> Iterator[SourceSample]:
    """Yield the clips of lists with rows ``FOLDER FRAMES LABEL``.

    The lists hold the paths of their authors' machines. A clip's frames are looked for under the
    longest end of its path that exists in ``folder``, so ``/home/ann/DFEW/clips/00025`` is found as
    ``clips/00025`` or ``00025``; that end is the clip's name.

    Args:
        folder: Where the folders of frames lie.
        lists: The list of each split.
        space: The order that the numbers of labels follow.
        first_label: The number of the first label, 0 or 1.

    Raises:
        SourceError: If a list or a clip's frames are missing, a clip occurs twice, or a number is
            out of range or does not agree with the frames.
    """
    clips = ClipSamples()
    for split, path in lists.items():
        for line, (place, count, number) in list_rows(path, fields=3):
            row = RowValues(path, line)
            label = row.whole(number, what="label", low=first_label, high=first_label + len(space) - 1)
            listed = row.whole(count, what="number of frames", low=1, high=10_000_000)
            frames = _found(folder, place, row)
            clip = frames.relative_to(folder).as_posix()
            yield clips.sample(split, clip, frames, label - first_label, row, listed=listed)


def _found(folder: Path, place: str, row: RowValues) -> Path:
    parts = [part for part in PurePosixPath(place.replace("\\", "/")).parts if part != "/"]
    if ".." in parts:
        raise row.wrong(f"the path {place!r} climbs with '..'; write it without.")
    for start in range(len(parts)):
        path = folder.joinpath(*parts[start:])
        if path.is_dir():
            return path
    raise row.wrong(f"no end of the path {place!r} is a folder in {folder}; put the clip's frames there.")

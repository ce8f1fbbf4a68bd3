"""Clips that are to be predicted: videos, parts of them, folders of frames, arrays and samples of shards."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from affectkit.data.schema import ShardError
from affectkit.data.sources.picture_files import frame_members, is_picture
from affectkit.data.sources.row_values import RowValues
from affectkit.predict.clips.part_reader import PART
from affectkit.predict.error import PredictError
from affectkit.predict.find_items import ItemKind, find_items
from affectkit.predict.item import Members, PredictItem, file_members, item_json, unreadable
from affectkit.predict.videos.video_file import FILES, VideoPart, is_video, read_video, video_parts

WHOLE_FRAME: Final = "whole frame"


def clip_item(clip: str | os.PathLike[str] | NDArray[np.uint8] | Tensor | PredictItem) -> PredictItem:
    """Take a video or a folder of frames by its path, or pixels (T, H, W, 3) as uint8; nothing is read yet.

    Raises:
        PredictError: If an array is no such clip.
    """
    if isinstance(clip, PredictItem):
        return clip
    if isinstance(clip, (str, os.PathLike)):
        path = Path(clip)
        return PredictItem(str(path), WHOLE_FRAME, partial(_frames if path.is_dir() else _file, path))
    pixels = clip.detach().cpu().numpy() if isinstance(clip, Tensor) else np.asarray(clip)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or not pixels.size:
        raise PredictError(
            f"A clip was given as {pixels.dtype} of shape {pixels.shape}: give uint8 pixels of shape "
            "(frames, height, width, 3), or the path of a video."
        )
    return PredictItem("array", WHOLE_FRAME, partial(_array, pixels))


def find_clips(
    paths: Iterable[str | os.PathLike[str]],
    *,
    split: str = "test",
    every: float | None = None,
    shows_boxes: bool = False,
) -> list[PredictItem]:
    """Videos as they are named, those below folders, sorted, folders of frames, and the samples of shards.

    A folder that directly holds pictures and no video is one clip. A file that is no video is kept,
    since its row then says so; in a folder it is passed over.

    Args:
        paths: Videos, folders, or folders of shards.
        split: Split of the shards.
        every: Cut videos into parts of so many seconds; None = each is one clip.
        shows_boxes: Whether the model sees a part that the boxes of a record say.

    Raises:
        PredictError: If there is no such place, a folder holds no clip, or nothing is named.
        ShardError: If shards are damaged.
    """
    found: list[PredictItem] = []
    kind = ItemKind(
        thing="clip",
        things="clips",
        stored="clip",
        files=f"{FILES}, and no frames of a clip",
        belongs=is_video,
        items=lambda path: [clip_item(path)] if every is None else _parts(path, every),
        region="boxes of the data set" if shows_boxes else WHOLE_FRAME,
    )
    given = list(paths)
    for path in map(Path, given):
        clips = _frame_folders(path)
        found += map(clip_item, clips) if clips else find_items([path], kind, split=split)
    return found or find_items(given, kind, split=split)


def _frame_folders(path: Path) -> list[Path]:
    """The folders at and below ``path`` that hold frames; none where there is a video or no folder."""
    if not path.is_dir() or (path / "manifest.json").is_file():
        return []
    files = [each for each in path.rglob("*") if each.is_file()]
    if any(map(is_video, files)):
        return []
    return sorted({each.parent for each in files if is_picture(each)})


def _parts(path: Path, every: float) -> Sequence[PredictItem]:
    try:
        parts = video_parts(path, every)
    except ShardError as error:
        return [unreadable(path, str(error), region=WHOLE_FRAME)]
    except OSError as error:
        why = f"The file cannot be read ({error.strerror or error}): correct its rights."
        return [unreadable(path, why, region=WHOLE_FRAME)]
    return [
        PredictItem(
            str(path),
            WHOLE_FRAME,
            partial(_part, path, part),
            part=f"frames {part.first} to {part.stop - 1}",
            start=part.start,
            stop=part.end,
            source=path,
        )
        for part in parts
    ]


def _part(path: Path, part: VideoPart) -> Members:
    return {**_file(path), PART: memoryview(f"{part.first} {part.stop}".encode())}


def _file(path: Path) -> Members:
    return file_members("mp4", read_video(path))


def _frames(folder: Path) -> Members:
    members = frame_members(folder, RowValues(folder, 1))
    return {"json": item_json(), **{name: memoryview(path.read_bytes()) for name, path in members.items()}}


def _array(pixels: NDArray[np.uint8]) -> Members:
    # As files without loss, so that arrays take the very way of frames.
    members = {"json": item_json()}
    for number, frame in enumerate(pixels):
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(frame)).save(buffer, format="PNG", compress_level=0)
        members[f"frame-{number:06d}.png"] = memoryview(buffer.getvalue())
    return members

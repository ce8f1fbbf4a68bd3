"""Pictures that are to be predicted: files, arrays and samples of shards, not read yet."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from affectkit.data.decode import DecodeError, Picture
from affectkit.data.sources.picture_files import is_picture
from affectkit.predict.error import PredictError
from affectkit.predict.find_items import ItemKind, find_items
from affectkit.predict.item import Members, PredictItem, file_members
from affectkit.predict.videos.video_file import OTHER_VIDEOS, VIDEOS
from affectkit.predict.videos.video_stills import video_stills

KINDS: Final = ("jpeg", "jpg", "png", "webp")
WHOLE_FRAME: Final = "whole frame"


def item_pixels(item: PredictItem) -> NDArray[np.uint8]:
    """Decode the whole picture of an item, (H, W, 3).

    Raises:
        DecodeError: If it is damaged, or there is none.
        OSError: If the file cannot be read.
    """
    members = item.read()
    kind = next((kind for kind in KINDS if kind in members), None)
    if kind is None:
        raise DecodeError(f"The sample {item.path!r} has no picture of its own: it needs a jpg or png.")
    return Picture(members[kind], kind=kind).decode()


def picture_item(picture: str | os.PathLike[str] | NDArray[np.uint8] | Tensor | PredictItem) -> PredictItem:
    """Take a file by its path, or pixels (H, W, 3) as uint8; nothing is read yet.

    Raises:
        PredictError: If an array is no such picture.
    """
    if isinstance(picture, PredictItem):
        return picture
    if isinstance(picture, (str, os.PathLike)):
        path = Path(picture)
        return PredictItem(str(path), WHOLE_FRAME, partial(_file, path))
    pixels = picture.detach().cpu().numpy() if isinstance(picture, Tensor) else np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PredictError(
            f"A picture was given as {pixels.dtype} of shape {pixels.shape}: give uint8 pixels of shape "
            "(height, width, 3), or the path of a file."
        )
    return PredictItem("array", WHOLE_FRAME, partial(_array, pixels))


def find_pictures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    split: str = "test",
    every: float | None = None,
    shows_boxes: bool = False,
) -> list[PredictItem]:
    """Files as they are named, the pictures below folders, sorted, and the samples of shards.

    Of a video that is named, single frames are pictures. A file that is neither is kept, since its row
    then says so; in a folder it is passed over.

    Args:
        paths: Files, folders, or folders of shards.
        split: Split of the shards.
        every: Seconds of a video for which one frame stands, the middle one; None = 1.
        shows_boxes: Whether the model sees a part that the boxes of a record say.

    Raises:
        PredictError: If there is no such place, a folder holds no picture, or nothing is named.
        ShardError: If shards are damaged.
    """
    kind = ItemKind(
        thing="picture",
        things="pictures",
        stored="image",
        files="jpg, png or webp",
        belongs=is_picture,
        items=lambda path: _named(path, 1.0 if every is None else every),
        region="boxes of the data set" if shows_boxes else WHOLE_FRAME,
    )
    return find_items(paths, kind, split=split)


def _named(path: Path, every: float) -> list[PredictItem]:
    if path.suffix.lower() in (*VIDEOS, *OTHER_VIDEOS):
        return video_stills(path, every=every, region=WHOLE_FRAME)
    return [picture_item(path)]


def _file(path: Path) -> Members:
    if not is_picture(path):
        raise DecodeError("The name of the file is not that of a jpg, png or webp: convert it, or rename it.")
    return file_members(path.suffix.lower().removeprefix("."), path.read_bytes())


def _array(pixels: NDArray[np.uint8]) -> Members:
    # As a file without loss, so that arrays take the very way of files.
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", compress_level=0)
    return file_members("png", buffer.getvalue())

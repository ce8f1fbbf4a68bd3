"""One picture that is to be predicted: a file, an array or a sample of shards, not read yet."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from affectkit.data.decode import DecodeError, Picture
from affectkit.data.schema import ItemRecord, canonical_json
from affectkit.data.shards import MANIFEST_NAME, read_manifest
from affectkit.data.sources.picture_files import is_picture
from affectkit.data.store import open_store
from affectkit.predict.pictures.error import PredictError

KINDS: Final = ("jpeg", "jpg", "png", "webp")
WHOLE_FRAME: Final = "whole frame"
Members = Mapping[str, memoryview]


class PictureItem(NamedTuple):
    """A picture by its name and how to read it.

    Attributes:
        path: The file, ``SPLIT/KEY`` in shards, or ``array``.
        region: What of the picture is shown to the model, before it is resized.
        read: Gives the members of a sample of the kind ``image``.
    """

    path: str
    region: str
    read: Callable[[], Members]

    def pixels(self) -> NDArray[np.uint8]:
        """Decode the whole picture, (H, W, 3).

        Raises:
            DecodeError: If it is damaged, or there is none.
            OSError: If the file cannot be read.
        """
        members = self.read()
        kind = next((kind for kind in KINDS if kind in members), None)
        if kind is None:
            raise DecodeError(f"The sample {self.path!r} has no picture of its own: it needs a jpg or png.")
        return Picture(members[kind], kind=kind).decode()


def picture_item(picture: str | os.PathLike[str] | NDArray[np.uint8] | Tensor | PictureItem) -> PictureItem:
    """Take a file by its path, or pixels (H, W, 3) as uint8; nothing is read yet.

    Raises:
        PredictError: If an array is no such picture.
    """
    if isinstance(picture, PictureItem):
        return picture
    if isinstance(picture, (str, os.PathLike)):
        path = Path(picture)
        return PictureItem(str(path), WHOLE_FRAME, partial(_file, path))
    pixels = picture.detach().cpu().numpy() if isinstance(picture, Tensor) else np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PredictError(
            f"A picture was given as {pixels.dtype} of shape {pixels.shape}: give uint8 pixels of shape "
            "(height, width, 3), or the path of a file."
        )
    return PictureItem("array", WHOLE_FRAME, partial(_array, pixels))


def find_pictures(
    paths: Iterable[str | os.PathLike[str]], *, split: str = "test", shows_boxes: bool = False
) -> list[PictureItem]:
    """Files as they are named, the pictures below folders, sorted, and the samples of shards.

    A file that is no picture is kept, since its row then says so; in a folder it is passed over.

    Args:
        paths: Files, folders, or folders of shards.
        split: Split of the shards.
        shows_boxes: Whether the model sees a part that the boxes of a record say.

    Raises:
        PredictError: If there is no such place, a folder holds no picture, or nothing is named.
        ShardError: If shards are damaged.
    """
    found: list[PictureItem] = []
    for path in map(Path, paths):
        if path.is_file():
            found.append(picture_item(path))
        elif (path / MANIFEST_NAME).is_file():
            found += _samples(path, split, shows_boxes=shows_boxes)
        elif path.is_dir():
            files = [each for each in sorted(path.rglob("*")) if each.is_file() and is_picture(each)]
            if not files:
                raise PredictError(f"The folder {path} holds no jpg, png or webp: name another one.")
            found += map(picture_item, files)
        else:
            raise PredictError(f"There is no file or folder {path}: correct the path.")
    if not found:
        raise PredictError("No picture was named: give files or folders.")
    return found


def _samples(root: Path, split: str, *, shows_boxes: bool) -> list[PictureItem]:
    manifest = read_manifest(root)
    if manifest.kind != "image" or split not in manifest.splits:
        raise PredictError(
            f"The data set {root} holds {manifest.kind!r} in {', '.join(manifest.splits)}, and pictures in "
            f"{split!r} were asked for: name a set of the kind 'image' and one of its splits."
        )
    store = open_store(root, split)
    region = "boxes of the data set" if shows_boxes else WHOLE_FRAME
    return [
        PictureItem(f"{split}/{store.key(place)}", region, partial(store.get, place))
        for place in range(len(store))
    ]


def _file(path: Path) -> Members:
    if not is_picture(path):
        raise DecodeError("The name of the file is not that of a jpg, png or webp: convert it, or rename it.")
    return _members(path.suffix.lower().removeprefix("."), path.read_bytes())


def _array(pixels: NDArray[np.uint8]) -> Members:
    # As a file without loss, so that arrays take the very way of files.
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", compress_level=0)
    return _members("png", buffer.getvalue())


def _members(kind: str, data: bytes) -> Members:
    record: ItemRecord = {"id": "picture", "label": None}
    return {"json": memoryview(canonical_json(record)), kind: memoryview(data)}

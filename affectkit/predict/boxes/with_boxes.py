"""What is predicted, cut by boxes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from affectkit.data.decode import Picture, box_crop
from affectkit.predict.boxes.read_boxes import Box, FileBoxes
from affectkit.predict.clips.part_reader import BOX
from affectkit.predict.clips.predictor import ClipPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.item import Members, PredictItem, file_members, item_json
from affectkit.predict.pictures.picture_item import KINDS
from affectkit.predict.pictures.predictor import PicturePredictor
from affectkit.predict.predictor import Predictor

_FACE = "face"


def with_boxes(predictor: Predictor, items: Sequence[PredictItem], boxes: FileBoxes) -> list[PredictItem]:
    """Show the parts that boxes say instead of whole frames: an item for each box of a file.

    A model whose streams have a ``face`` gets the box as those of its training, with its margin, and
    its other streams whole; another model sees what is in the box, treated like a whole picture. The box
    of a video holds for all of its frames. A file without a box is shown whole, and its ``region`` says so.

    Args:
        predictor: Which model will see them.
        items: What its ``find`` gave.
        boxes: What :func:`read_boxes` gave.

    Raises:
        PredictError: If the model sees no frames, its streams have no ``face``, or no box is of any item.
    """
    if predictor.things not in ("pictures", "clips"):
        raise PredictError(f"Boxes were given for {predictor.things}, which have no frames: leave them out.")
    streams: tuple[str, ...] = ()
    if isinstance(predictor, (PicturePredictor, ClipPredictor)):
        streams = tuple(spec.name for spec in predictor.view.streams)
    if streams and _FACE not in streams:
        raise PredictError(
            f"The model sees {' and '.join(streams)} and no {_FACE!r} that boxes could cut: leave them out, "
            "or store them in shards."
        )
    cut = _for_stream if streams else _for_frame
    found = [each for item in items for each in _cut(item, boxes, cut, named=bool(streams))]
    if not any(item.region.startswith((_FACE, "box")) for item in found):
        raise PredictError(
            f"None of the boxes ({len(boxes)} files, e.g. {next(iter(boxes), 'none')}) is of a file that is "
            "predicted: correct the column path."
        )
    return found


def _cut(
    item: PredictItem, boxes: FileBoxes, cut: Callable[[PredictItem, Box], Members], *, named: bool
) -> Iterator[PredictItem]:
    place = Path(item.path)
    found = boxes.get(place.resolve(), ())
    for number, box in enumerate(found):
        part = f"box {number}" if len(found) > 1 else ""
        yield item._replace(
            region=f"{_FACE} box {box}, the rest whole" if named else f"box {box}",
            read=partial(cut, item, box),
            part=" ".join(filter(None, (item.part, part))),
            # What is read is no longer the file, and its digest still is that of the file.
            source=place if item.source is None and place.is_file() else item.source,
        )
    if not found:
        yield item


def _for_stream(item: PredictItem, box: Box) -> Members:
    return {**item.read(), "json": item_json(box=list(box))}


def _for_frame(item: PredictItem, box: Box) -> Members:
    members = item.read()
    kind = next((kind for kind in KINDS if kind in members), None)
    if kind is None:
        return {**members, BOX: memoryview(str(box).encode())}
    pixels = Picture(members[kind], kind=kind).decode()
    part = box_crop(box, *pixels.shape[:2])
    seen = pixels[part.top : part.top + part.height, part.left : part.left + part.width]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(seen)).save(buffer, format="PNG", compress_level=0)
    return file_members("png", buffer.getvalue())

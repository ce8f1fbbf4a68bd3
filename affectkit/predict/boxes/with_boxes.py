"""What is predicted, cut by boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from affectkit.predict.boxes.cut_box import FACE, BoxCut
from affectkit.predict.boxes.read_boxes import Box, FileBoxes
from affectkit.predict.error import PredictError
from affectkit.predict.item import Members, PredictItem, unreadable
from affectkit.predict.predictor import Predictor


def with_boxes(
    predictor: Predictor, items: Sequence[PredictItem], boxes: FileBoxes, *, required: bool = False
) -> list[PredictItem]:
    """Show the parts that boxes say instead of whole frames: an item for each box of a file.

    A model whose streams have a ``face`` gets the box as those of its training, with its margin, and
    its other streams whole; another model sees what is in the box, treated like a whole picture. The box
    of a video holds for all of its frames. A file without a box is shown whole, and its ``region`` says so.

    Args:
        predictor: Which model will see them.
        items: What its ``find`` gave.
        boxes: What :func:`read_boxes` gave.
        required: Whether a file without a box becomes a row with an error instead.

    Raises:
        PredictError: If the model sees no frames, its streams have no ``face``, or no box is of any item.
    """
    cut = BoxCut.of_model(predictor)
    found = [each for item in items for each in _cut(item, boxes, cut, required=required)]
    if not any(item.region.startswith((FACE, "box ")) for item in found):
        raise PredictError(
            f"None of the boxes ({len(boxes)} files, e.g. {next(iter(boxes), 'none')}) is of a file that is "
            "predicted: correct the column path."
        )
    return found


def _cut(item: PredictItem, boxes: FileBoxes, cut: BoxCut, *, required: bool) -> Iterator[PredictItem]:
    place = Path(item.path)
    found = boxes.get(place.resolve(), ())
    for number, box in enumerate(found):
        part = f"box {number}" if len(found) > 1 else ""
        yield item._replace(
            region=cut.region(box),
            read=partial(_read, item, cut, box),
            part=" ".join(filter(None, (item.part, part))),
            # What is read is no longer the file, and its digest still is that of the file.
            source=place if item.source is None and place.is_file() else item.source,
        )
    if not found and required:
        why = "The file has no box: give one, or leave --faces-required out."
        lost = unreadable(item.path, why, region=f"{item.region}, a box required")
        yield lost._replace(part=item.part, start=item.start, stop=item.stop)
    elif not found:
        yield item


def _read(item: PredictItem, cut: BoxCut, box: Box) -> Members:
    shown: Members = cut(item.read(), box)
    return shown

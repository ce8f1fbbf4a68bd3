"""What is predicted, cut to the largest face that a detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from affectkit.data.decode import DecodeError, Picture, VideoFrames
from affectkit.predict.boxes.cut_box import BoxCut
from affectkit.predict.boxes.read_boxes import Box
from affectkit.predict.clips.part_reader import PART
from affectkit.predict.faces.face_detector import FaceDetector, FoundFace
from affectkit.predict.item import DIGEST, REGION, Members, PredictItem
from affectkit.predict.pictures.picture_item import KINDS
from affectkit.predict.predictor import Predictor


def with_faces(
    predictor: Predictor,
    items: Sequence[PredictItem],
    detector: FaceDetector,
    *,
    required: bool = False,
) -> list[PredictItem]:
    """Show the largest face that a detector finds instead of the whole frame.

    A model whose streams have a ``face`` gets the box as those of its training, with its margin, and
    its other streams whole; another model sees what is in the box. Of a clip the detector sees the middle
    frame, and its box holds for all of them. Faces are looked for while pictures are read; the column
    ``region`` says which box was used, or that there was no face and the whole frame was shown.

    Args:
        predictor: Which model will see them.
        items: What its ``find`` gave.
        detector: Finds the faces.
        required: Whether a frame without a face becomes a row with an error instead.

    Raises:
        PredictError: If the model sees no frames, or its streams have no ``face``.
    """
    cut = BoxCut.of_model(predictor)
    return [
        item._replace(
            region=f"largest face by {detector.identity}" + (", required" if required else ""),
            read=partial(_read, item, detector, cut, required),
        )
        for item in items
    ]


def _read(item: PredictItem, detector: FaceDetector, cut: BoxCut, required: bool) -> Members:
    members = item.read()
    pixels = _frame(members)
    inside = [face for face in (_clipped(face, pixels) for face in detector(pixels)) if face is not None]
    if not inside and required:
        raise DecodeError(
            f"No face was found by {detector.identity}: give its box in a file, or leave --faces-required "
            "out."
        )
    shown, region = members, f"{item.region}, no face found"
    if inside:
        face = max(inside, key=lambda one: (one.box.right - one.box.left) * (one.box.bottom - one.box.top))
        shown, region = cut(members, face.box), f"{cut.region(face.box)}, found with score {face.score:.2f}"
    # What is shown is known only now, and is no longer what the file holds.
    return {
        **shown,
        REGION: memoryview(region.encode()),
        DIGEST: memoryview(item.digest(members).encode()),
    }


def _frame(members: Members) -> NDArray[np.uint8]:
    """The picture, or the middle frame of the clip."""
    if "mp4" in members:
        frames = VideoFrames(members["mp4"])
        first, stop = map(int, bytes(members[PART]).split()) if PART in members else (0, len(frames))
        return next(frames.read([(first + stop) // 2]))
    names = sorted(name for name in members if name.rpartition(".")[2] in KINDS)
    if not names:
        raise DecodeError("The sample has no picture to look for a face in: leave it out.")
    name = names[len(names) // 2]
    return Picture(members[name], kind=name.rpartition(".")[2]).decode()


def _clipped(face: FoundFace, pixels: NDArray[np.uint8]) -> FoundFace | None:
    """The part of a face that lies in the picture; None where there is none."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = face.box
    box = Box(max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
    return face._replace(box=box) if box.right - box.left >= 1 and box.bottom - box.top >= 1 else None

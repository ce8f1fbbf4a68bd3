"""A part of what is shown to a model, by the edges of a box."""

from __future__ import annotations

import io
from typing import Final, NamedTuple, Self

import numpy as np
from PIL import Image

from affectkit.data.decode import Picture, box_crop
from affectkit.predict.boxes.read_boxes import Box
from affectkit.predict.clips.part_reader import BOX
from affectkit.predict.clips.predictor import ClipPredictor
from affectkit.predict.error import PredictError
from affectkit.predict.item import Members, file_members, item_json
from affectkit.predict.pictures.picture_item import KINDS
from affectkit.predict.pictures.predictor import PicturePredictor
from affectkit.predict.predictor import Predictor

FACE: Final = "face"


class BoxCut(NamedTuple):
    """How one model is shown a box.

    Attributes:
        as_stream: Whether it has a stream of faces, which alone gets the box, with the margin of its
            training; another model sees what is in the box, treated like a whole picture.
    """

    as_stream: bool

    @classmethod
    def of_model(cls, predictor: Predictor) -> Self:
        """Look at what a model sees.

        Raises:
            PredictError: If it sees no frames, or its streams have no ``face``.
        """
        if predictor.things not in ("pictures", "clips"):
            raise PredictError(
                f"Boxes were given for {predictor.things}, which have no frames: leave them out."
            )
        streams: tuple[str, ...] = ()
        if isinstance(predictor, (PicturePredictor, ClipPredictor)):
            streams = tuple(spec.name for spec in predictor.view.streams)
        if streams and FACE not in streams:
            raise PredictError(
                f"The model sees {' and '.join(streams)} and no {FACE!r} that boxes could cut: leave them "
                "out, or store them in shards."
            )
        return cls(bool(streams))

    def region(self, box: Box) -> str:
        """What is shown, for the table."""
        return f"{FACE} box {box}, the rest whole" if self.as_stream else f"box {box}"

    def __call__(self, members: Members, box: Box) -> Members:
        """What ``members`` become where ``box`` is shown."""
        if self.as_stream:
            return {**members, "json": item_json(box=list(box))}
        kind = next((kind for kind in KINDS if kind in members), None)
        if kind is None:
            return {**members, BOX: memoryview(str(box).encode())}
        pixels = Picture(members[kind], kind=kind).decode()
        part = box_crop(box, *pixels.shape[:2])
        seen = pixels[part.top : part.top + part.height, part.left : part.left + part.width]
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(seen)).save(buffer, format="PNG", compress_level=0)
        return file_members("png", buffer.getvalue())

"""A face drawn from action units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from affectkit.data.synthetic.action_units import ACTION_UNITS

Point = tuple[float, float]
Colour = tuple[int, int, int]

#: The canvas is this much larger than the picture and is averaged down: edges become smooth, and
#: a movement of a tenth of a pixel still changes the picture.
_OVERSAMPLING: Final = 4

_SKINS: Final[Sequence[Colour]] = (
    (247, 220, 196),
    (236, 196, 160),
    (214, 165, 122),
    (178, 125, 84),
    (132, 88, 58),
    (98, 64, 44),
)
_HAIRS: Final[Sequence[Colour]] = ((32, 26, 24), (74, 48, 32), (124, 84, 44), (196, 158, 92), (150, 150, 152))


@dataclass(frozen=True, slots=True)
class FaceIdentity:
    """What stays the same on one person's face: colours and proportions."""

    skin: Colour
    hair: Colour
    width: float
    eye_distance: float
    brow_height: float
    mouth_width: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> FaceIdentity:
        """Draw a person."""
        return cls(
            skin=_SKINS[int(rng.integers(len(_SKINS)))],
            hair=_HAIRS[int(rng.integers(len(_HAIRS)))],
            width=float(rng.uniform(0.92, 1.08)),
            eye_distance=float(rng.uniform(0.36, 0.42)),
            brow_height=float(rng.uniform(-0.03, 0.03)),
            mouth_width=float(rng.uniform(0.94, 1.08)),
        )


@dataclass(frozen=True, slots=True)
class FaceView:
    """How one picture of a face was taken.

    Attributes:
        shift: Displacement (right, down) in picture widths.
        scale: Size of the head; 1 fills the picture.
        brightness: Factor on all colours.
        background: Colour behind the head.
        occlusion: Nothing, or a scarf over the mouth, or dark glasses, or both.
        noise: Standard deviation of the sensor noise in grey levels.
    """

    shift: Point = (0.0, 0.0)
    scale: float = 1.0
    brightness: float = 1.0
    background: Colour = (150, 176, 190)
    occlusion: str = "none"
    noise: float = 0.0


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, max(0, round(value * factor))) for value in colour)
    return red, green, blue


def _curve(left: Point, middle: Point, right: Point) -> list[Point]:
    """Points of the parabola that runs through the three given points."""
    control = (2 * middle[0] - (left[0] + right[0]) / 2, 2 * middle[1] - (left[1] + right[1]) / 2)
    points = []
    for step in range(11):
        t = step / 10
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        points.append(
            (
                a * left[0] + b * control[0] + c * right[0],
                a * left[1] + b * control[1] + c * right[1],
            )
        )
    return points


class _Canvas:
    """Drawing in face coordinates: the origin between eyes and mouth, x and y down in head half-widths."""

    def __init__(self, size: int, view: FaceView, width: float) -> None:
        self.pixels = size * _OVERSAMPLING
        self.unit = self.pixels * 0.37 * view.scale
        self.width = width
        self.origin = (self.pixels * (0.5 + view.shift[0]), self.pixels * (0.53 + view.shift[1]))
        self.image = Image.new("RGB", (self.pixels, self.pixels), view.background)
        self.pen = ImageDraw.Draw(self.image)

    def place(self, points: Sequence[Point]) -> list[Point]:
        return [
            (self.origin[0] + x * self.unit * self.width, self.origin[1] + y * self.unit) for x, y in points
        ]

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self.pen.polygon(self.place(points), fill=colour)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        self.pen.line(self.place(points), fill=colour, width=max(1, round(width * self.unit)), joint="curve")

    def ellipse(self, centre: Point, radii: Point, colour: Colour) -> None:
        corners = [
            (centre[0] - radii[0], centre[1] - radii[1]),
            (centre[0] + radii[0], centre[1] + radii[1]),
        ]
        (x0, y0), (x1, y1) = self.place(corners)
        self.pen.ellipse((x0, y0, x1, y1), fill=colour)

    def inside(self, outline: Sequence[Point], paint: Callable[[_Canvas], None]) -> None:
        """Paint, and keep only what lies inside the outline."""
        corners = self.place(outline)
        # Only the box around the outline is copied: an eye is a hundredth of the canvas.
        columns, rows = [x for x, _ in corners], [y for _, y in corners]
        box = (int(min(columns)) - 1, int(min(rows)) - 1, int(max(columns)) + 2, int(max(rows)) + 2)
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        ImageDraw.Draw(mask).polygon([(x - box[0], y - box[1]) for x, y in corners], fill=255)
        before = self.image.copy()
        paint(self)
        inside = self.image.crop(box)
        self.image.paste(before)
        self.image.paste(inside, box, mask)


def _draw_head(canvas: _Canvas, identity: FaceIdentity, units: Mapping[int, float]) -> None:
    skin, hair = identity.skin, identity.hair
    canvas.ellipse((0.0, 1.75), (1.15, 0.6), _shade(hair, 1.25))
    canvas.polygon([(-0.32, 0.8), (0.32, 0.8), (0.36, 1.5), (-0.36, 1.5)], _shade(skin, 0.86))
    canvas.ellipse((0.0, -0.25), (1.02, 1.08), hair)
    for side in (-1.0, 1.0):
        canvas.ellipse((side * 0.88, 0.05), (0.13, 0.2), _shade(skin, 0.9))
    jaw = 0.14 * units[26]
    canvas.ellipse((0.0, 0.02 + jaw / 2), (0.86, 1.12 + jaw / 2), skin)
    canvas.polygon([*_curve((-0.84, -0.42), (0.0, -0.9), (0.84, -0.42)), (0.6, -1.15), (-0.6, -1.15)], hair)


def _draw_brow(canvas: _Canvas, identity: FaceIdentity, units: Mapping[int, float], side: float) -> None:
    lift = identity.brow_height
    inner = (
        side * (0.15 - 0.05 * units[4]),
        -0.43 - lift - 0.16 * units[1] + 0.16 * units[4] + 0.04 * units[9],
    )
    middle = (side * 0.38, -0.48 - lift - 0.06 * units[1] - 0.12 * units[2] + 0.07 * units[4])
    outer = (side * 0.63, -0.42 - lift - 0.12 * units[2] - 0.02 * units[4] + 0.05 * units[1])
    canvas.line(_curve(inner, middle, outer), _shade(identity.hair, 0.8), 0.09)


def _draw_eye(canvas: _Canvas, identity: FaceIdentity, units: Mapping[int, float], side: float) -> None:
    x, y = side * identity.eye_distance, -0.16
    upper = max(0.03, 0.12 + 0.08 * units[5] - 0.05 * units[7] - 0.03 * units[6])
    lower = max(0.0, 0.1 + 0.02 * units[5] - 0.06 * units[7] - 0.08 * units[6])
    left, right = (x - 0.21, y), (x + 0.21, y)
    lid = _curve(left, (x, y - upper), right)
    outline = [*lid, *reversed(_curve(left, (x, y + lower), right))]
    canvas.polygon(outline, (250, 250, 250))

    def paint(inner: _Canvas) -> None:
        inner.ellipse((x, y - 0.01), (0.105, 0.115), (70, 60, 58))
        inner.ellipse((x, y - 0.01), (0.05, 0.055), (8, 8, 8))

    canvas.inside(outline, paint)
    canvas.line(lid, _shade(identity.skin, 0.35), 0.045)
    canvas.line(_curve(left, (x, y + lower), right), _shade(identity.skin, 0.6), 0.025)
    crease = _shade(identity.skin, 1 - 0.3 * min(1.0, units[6]))
    canvas.line(_curve((x - 0.2, y + 0.15), (x, y + 0.2), (x + 0.2, y + 0.15)), crease, 0.04)


def _draw_nose(canvas: _Canvas, identity: FaceIdentity, units: Mapping[int, float]) -> None:
    wrinkle = min(1.0, units[9])
    dark = _shade(identity.skin, 0.68)
    y = 0.2 - 0.07 * wrinkle
    canvas.line(_curve((-0.13 - 0.04 * wrinkle, y), (0.0, y + 0.06), (0.13 + 0.04 * wrinkle, y)), dark, 0.045)
    for side in (-1.0, 1.0):
        canvas.ellipse((side * (0.08 + 0.02 * wrinkle), y + 0.01), (0.035, 0.03), _shade(identity.skin, 0.45))
        fold = max(wrinkle, min(1.0, units[12]), min(1.0, units[10]))
        canvas.line(
            _curve((side * 0.18, y), (side * 0.33, 0.32), (side * 0.4, 0.46)),
            _shade(identity.skin, 1 - 0.25 * fold),
            0.04,
        )
        for row in range(3):
            at = -0.2 + 0.1 * row
            canvas.line(
                [(side * 0.02, at), (side * 0.13, at - 0.06)],
                _shade(identity.skin, 1 - 0.45 * wrinkle),
                0.035,
            )


def _draw_mouth(canvas: _Canvas, identity: FaceIdentity, units: Mapping[int, float]) -> None:
    y = 0.56
    half = identity.mouth_width * max(
        0.13,
        0.31 + 0.13 * units[12] + 0.13 * units[20] - 0.09 * units[23] - 0.1 * units[26] + 0.06 * units[10],
    )
    corner = y - 0.15 * units[12] + 0.15 * units[15] + 0.03 * units[20] + 0.13 * units[26]
    gap = 0.1 * units[25] + 0.26 * units[26]
    top = y + 0.02 * units[12] - 0.06 * units[15] - 0.14 * units[10] - 0.25 * gap - 0.05 * units[17]
    bottom = top + gap + 0.04 * units[12] + 0.06 * units[10]
    lip = 0.075 * (1 - 0.45 * min(1.0, units[23]))
    red = _shade((196, 96, 92), 0.55 + 0.45 * identity.skin[0] / 255)
    left, right = (-half, corner), (half, corner)
    canvas.polygon(
        [
            *_curve(left, (0.0, top - lip), right),
            *reversed(_curve(left, (0.0, bottom + lip), right)),
        ],
        red,
    )
    opening = [*_curve(left, (0.0, top), right), *reversed(_curve(left, (0.0, bottom), right))]
    if bottom - top > 0.03:
        canvas.polygon(opening, (70, 20, 24))
        teeth = 0.09 * max(units[12], units[20], units[10])
        canvas.inside(
            opening,
            lambda inner: inner.polygon(
                [(-0.6, corner - 0.2), (0.6, corner - 0.2), (0.6, top + teeth), (-0.6, top + teeth)],
                (244, 240, 230),
            ),
        )
    else:
        canvas.line(_curve(left, (0.0, (top + bottom) / 2), right), _shade(red, 0.45), 0.05)
    boss = min(1.0, units[17])
    canvas.line(
        _curve((-0.14, 0.86), (0.0, 0.86 - 0.08 * boss), (0.14, 0.86)),
        _shade(identity.skin, 1 - 0.3 * boss),
        0.04,
    )


def _occlude(canvas: _Canvas, occlusion: str) -> None:
    if occlusion in ("glasses", "both"):
        for side in (-1.0, 1.0):
            canvas.ellipse((side * 0.39, -0.22), (0.33, 0.36), (24, 24, 30))
        canvas.line([(-0.85, -0.3), (0.85, -0.3)], (24, 24, 30), 0.08)
    if occlusion in ("scarf", "both"):
        canvas.polygon([(-1.0, 0.12), (1.0, 0.12), (0.85, 1.35), (-0.85, 1.35)], (104, 116, 150))


def draw_face(
    units: Mapping[int, float],
    identity: FaceIdentity,
    *,
    view: FaceView | None = None,
    size: int = 48,
    rng: np.random.Generator | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw a face whose parts are moved by action units.

    Args:
        units: Activation in [0, 1] by action unit number, see
            :data:`~affectkit.data.synthetic.ACTION_UNITS`; absent units rest.
        identity: The person.
        view: How the picture was taken; ``None`` is a centred, clean picture.
        size: Height and width in pixels.
        rng: Source of the sensor noise; needed only where ``view.noise`` is above 0.

    Shape:
        - returns: (size, size, 3) uint8 RGB.

    Raises:
        ValueError: If noise is asked for without a generator.

    Examples:
        >>> from affectkit.data.synthetic import FaceIdentity, action_units, draw_face
        >>> person = FaceIdentity.draw(np.random.default_rng(0))
        >>> draw_face(action_units({"joy": 1.0}), person).shape
        (48, 48, 3)
    """
    view = FaceView() if view is None else view
    moved = {unit: float(units.get(unit, 0.0)) for unit in ACTION_UNITS}
    canvas = _Canvas(size, view, identity.width)
    _draw_head(canvas, identity, moved)
    for side in (-1.0, 1.0):
        _draw_eye(canvas, identity, moved, side)
        _draw_brow(canvas, identity, moved, side)
    _draw_nose(canvas, identity, moved)
    _draw_mouth(canvas, identity, moved)
    _occlude(canvas, view.occlusion)
    pixels = np.asarray(canvas.image.reduce(_OVERSAMPLING), dtype=np.float64) * view.brightness
    if view.noise > 0:
        if rng is None:
            raise ValueError("draw_face: view.noise is above 0, so pass rng= as the source of the noise.")
        pixels = pixels + rng.normal(0.0, view.noise, pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

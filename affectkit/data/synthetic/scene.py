"""A drawn person in a room, with something beside them that belongs to what they feel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from affectkit.data.synthetic.action_units import EMOTION_ACTION_UNITS, action_units
from affectkit.data.synthetic.face import Colour, FaceIdentity, FaceView, draw_face

#: Walls by name.
WALLS: Final[Mapping[str, Colour]] = MappingProxyType(
    {
        "white": (226, 224, 218),
        "blue": (120, 152, 204),
        "green": (136, 184, 140),
        "yellow": (222, 204, 128),
        "pink": (222, 168, 178),
        "grey": (140, 142, 148),
    }
)

#: What stands beside somebody who feels so, in words.
PROPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "neutral": "an empty picture frame",
        "surprise": "a box with a ribbon",
        "fear": "a black spider",
        "sadness": "three drops of rain",
        "joy": "three balloons",
        "disgust": "a green puddle",
        "anger": "a red burst",
    }
)


class Frame(NamedTuple):
    """A picture of a scene and where its face is: left, top, right, bottom in pixels."""

    pixels: npt.NDArray[np.uint8]
    box: list[float]


@dataclass(frozen=True, slots=True)
class Scene:
    """What stays the same in one picture or clip.

    Attributes:
        emotion: What is felt.
        intensity: How strongly, in [0, 1].
        person: Whose face it is.
        wall: Name of the wall's colour.
        prop: The emotion whose prop is there.
        on_left: Whether the prop stands on the left of the person.
        face: Side of the face's square as a share of the height.
    """

    emotion: str
    intensity: float
    person: FaceIdentity
    wall: str
    prop: str
    on_left: bool
    face: float

    @classmethod
    def draw(cls, rng: np.random.Generator, emotion: str, *, context: float = 0.9) -> Scene:
        """Draw the scene of an emotion.

        Args:
            rng: Source of everything.
            emotion: One of :data:`~affectkit.data.synthetic.EMOTION_ACTION_UNITS`.
            context: Probability that the prop is that of the emotion and not of any.

        Raises:
            ValueError: If the emotion has no prototype.
        """
        if emotion not in PROPS:
            raise ValueError(f"Scene.draw got the emotion {emotion!r}: use one of {', '.join(PROPS)}.")
        own, any_prop = rng.random() < context, list(PROPS)[int(rng.integers(len(PROPS)))]
        return cls(
            emotion=emotion,
            intensity=float(rng.uniform(0.7, 1.0)),
            person=FaceIdentity.draw(rng),
            wall=list(WALLS)[int(rng.integers(len(WALLS)))],
            prop=emotion if own else any_prop,
            on_left=bool(rng.random() < 0.5),
            face=float(rng.uniform(0.55, 0.7)),
        )

    def frame(
        self, *, height: int = 64, width: int = 96, strength: float = 1.0, shift: tuple[float, float] = (0, 0)
    ) -> Frame:
        """Draw it.

        Args:
            height: Height in pixels.
            width: Width in pixels.
            strength: Factor on the intensity at this moment.
            shift: Displacement of the face (right, down) as a share of the height.

        Raises:
            ValueError: If the picture is too small for a face.

        Examples:
            >>> scene = Scene.draw(np.random.default_rng(0), "joy")
            >>> scene.frame().pixels.shape
            (64, 96, 3)
        """
        side = round(self.face * height)
        if side < 8 or width < 1.5 * height:
            raise ValueError(
                f"Scene.frame got {width} x {height} pixels: give a height from 16 and a width of one and a "
                "half heights or more."
            )
        wall = WALLS[self.wall]
        units = action_units({self.emotion: self.intensity * min(1.0, max(0.0, strength))})
        face = draw_face(units, self.person, view=FaceView(background=wall), size=side)
        canvas = Image.new("RGB", (width, height), wall)
        pen = ImageDraw.Draw(canvas)
        pen.rectangle((0, round(0.86 * height), width, height), fill=(112, 92, 74))
        middle = 0.22 * width if self.on_left else 0.78 * width
        _draw_prop(pen, self.prop, middle, 0.45 * height, 0.16 * height)
        place = 0.66 if self.on_left else 0.34
        left = min(max(round(place * width - side / 2 + shift[0] * height), 0), width - side)
        top = min(max(round(0.5 * height - side / 2 + shift[1] * height), 0), height - side)
        canvas.paste(Image.fromarray(face), (left, top))
        box = [float(value) for value in (left, top, left + side, top + side)]
        return Frame(np.asarray(canvas, dtype=np.uint8), box)

    def portrait(self, *, size: int = 64) -> npt.NDArray[np.uint8]:
        """Draw the face alone, (size, size, 3)."""
        units = action_units({self.emotion: self.intensity})
        return draw_face(units, self.person, view=FaceView(background=WALLS[self.wall]), size=size)


def _draw_prop(pen: ImageDraw.ImageDraw, name: str, x: float, y: float, r: float) -> None:
    """Draw a prop of radius ``r`` around (x, y)."""

    def around(
        left: float, top: float, right: float, bottom: float
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        return (x + left * r, y + top * r), (x + right * r, y + bottom * r)

    def star(points: int, inner: float) -> list[tuple[float, float]]:
        turns = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False)
        return [
            (x + (r if i % 2 else inner * r) * np.sin(t), y + (r if i % 2 else inner * r) * np.cos(t))
            for i, t in enumerate(turns)
        ]

    if name == "neutral":
        pen.rectangle(around(-0.8, -1, 0.8, 1), outline=(70, 52, 40), width=max(1, round(0.2 * r)))
    elif name == "surprise":
        pen.rectangle(around(-1, -0.8, 1, 1), fill=(236, 190, 60))
        pen.rectangle(around(-0.18, -0.8, 0.18, 1), fill=(200, 40, 60))
        pen.rectangle(around(-1, -0.1, 1, 0.2), fill=(200, 40, 60))
    elif name == "fear":
        pen.polygon(star(8, 0.35), fill=(16, 16, 18))
        pen.ellipse(around(-0.45, -0.45, 0.45, 0.45), fill=(16, 16, 18))
    elif name == "sadness":
        for across, down in ((-0.7, -0.4), (0.0, 0.4), (0.7, -0.2)):
            pen.ellipse(around(across - 0.22, down - 0.45, across + 0.22, down + 0.45), fill=(40, 84, 190))
    elif name == "joy":
        for across, colour in ((-0.75, (230, 60, 80)), (0.0, (250, 170, 30)), (0.75, (60, 150, 220))):
            pen.line(around(across, 0, 0, 1.5), fill=(90, 90, 90))
            pen.ellipse(around(across - 0.4, -0.9, across + 0.4, 0), fill=colour)
    elif name == "disgust":
        pen.ellipse(around(-1.1, 0.7, 1.1, 1.4), fill=(104, 150, 40))
        pen.ellipse(around(-0.5, 0.3, 0.4, 1.0), fill=(128, 176, 56))
    else:
        pen.polygon(star(9, 0.5), fill=(214, 34, 24))


#: Emotions that scenes know, in the order of the prototypes.
EMOTIONS: Final = tuple(EMOTION_ACTION_UNITS)

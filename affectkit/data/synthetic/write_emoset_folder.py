"""Drawn scenes in the folder layout of EmoSet: an emotion, and attributes of which some are absent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from affectkit.data.shards.build_folder import build_folder
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.data.synthetic.scene import PROPS, WALLS, Scene
from affectkit.labels import label_space

#: What a drawn person feels where a picture is to evoke an emotion of EmoSet; our choice.
_DRAWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "amusement": "joy",
        "awe": "surprise",
        "contentment": "neutral",
        "excitement": "joy",
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "sadness": "sadness",
    }
)
_STEPS: Final = tuple(str(step / 10) for step in range(11))
_FACES: Final = ("Angry", "Disgusted", "Fearful", "Happy", "Sad", "Surprised")
_FACE_OF: Final[Mapping[str, str]] = MappingProxyType(
    dict(zip(("anger", "disgust", "fear", "joy", "sadness", "surprise"), _FACES, strict=True))
)


def write_emoset_folder(
    out: str | os.PathLike[str],
    *,
    train: int = 160,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
    height: int = 48,
    width: int = 72,
) -> Path:
    """Write drawn scenes as ``affectkit shards make emoset`` reads them; equal arguments give equal bytes.

    Brightness and colourfulness are those of the pixels, the scene is the wall, and the object what
    stands beside the person. Each fifth picture has no annotated object; an expression is absent where
    the face is neutral, and an action everywhere.

    Args:
        out: Folder to make; it must not exist.
        train: Pictures to train on.
        val: Pictures to select by.
        test: Pictures to test on.
        seed: Seed of everything.
        height: Height of a picture in pixels.
        width: Its width.

    Raises:
        ShardError: If ``out`` exists.
    """
    emotions = label_space("emoset8.official").labels
    values = {
        "brightness": _STEPS,
        "colorfulness": _STEPS,
        "scene": tuple(WALLS),
        "object": tuple(PROPS.values()),
        "facial_expression": _FACES,
        "human_action": ("standing",),
    }
    number = 0
    with build_folder(out) as folder:
        (folder / "info.json").write_text(
            _json({name: _numbered(found) for name, found in {"emotion": emotions, **values}.items()})
        )
        for split, size in {"train": train, "val": val, "test": test}.items():
            rows: list[list[str]] = []
            for _ in range(size):
                emotion = emotions[number % len(emotions)]
                scene = Scene.draw(np.random.default_rng([seed, number]), _DRAWN[emotion])
                pixels = scene.frame(height=height, width=width).pixels
                name = f"{emotion}_{number:05d}"
                picture, note = f"image/{emotion}/{name}.png", f"annotation/{emotion}/{name}.json"
                for place, content in (
                    (picture, png_bytes(pixels)),
                    (note, _json(_annotation(scene, pixels, annotated=number % 5 != 4)).encode()),
                ):
                    (folder / place).parent.mkdir(parents=True, exist_ok=True)
                    (folder / place).write_bytes(content)
                rows.append([emotion, name, picture, note])
                number += 1
            (folder / f"{split}.json").write_text(_json(rows))
    return Path(out)


def _annotation(scene: Scene, pixels: npt.NDArray[np.uint8], *, annotated: bool) -> dict[str, object]:
    shares = pixels.astype(np.float64) / 255
    found: dict[str, object] = {
        "brightness": round(float(shares.mean()), 1),
        "colorfulness": round(float((shares.max(-1) - shares.min(-1)).mean()), 1),
        "scene": scene.wall,
    }
    if annotated:
        # An empty frame is nothing to look at.
        found["object"] = [] if scene.prop == "neutral" else [PROPS[scene.prop]]
    if scene.emotion in _FACE_OF:
        found["facial_expression"] = _FACE_OF[scene.emotion]
    return found


def _numbered(names: tuple[str, ...]) -> dict[str, dict[str, object]]:
    return {
        "label2idx": {name: index for index, name in enumerate(names)},
        "idx2label": {str(index): name for index, name in enumerate(names)},
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=0, ensure_ascii=False) + "\n"

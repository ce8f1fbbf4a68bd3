from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affectkit.data.synthetic import EMOTION_ACTION_UNITS, PROPS, WALLS, Scene


def scene(emotion: str = "joy", seed: int = 0) -> Scene:
    return Scene.draw(np.random.default_rng(seed), emotion, context=1.0)


def test_every_emotion_has_a_prop_of_its_own() -> None:
    assert set(PROPS) == set(EMOTION_ACTION_UNITS)
    base = scene()
    drawn = [replace(base, prop=name).frame().pixels for name in PROPS]
    for one, first in enumerate(drawn):
        for second in drawn[:one]:
            assert np.abs(first.astype(int) - second).mean() > 0.5


def test_the_box_is_where_the_face_is() -> None:
    for seed in range(6):
        calm = replace(scene("surprise", seed), intensity=0.0)
        moved = replace(calm, intensity=1.0)
        frame, other = calm.frame(), moved.frame()
        left, top, right, bottom = (int(value) for value in frame.box)
        changed = (frame.pixels != other.pixels).any(-1)
        assert frame.box == other.box and changed.any()
        changed[top:bottom, left:right] = False
        assert not changed.any()
        assert 0 <= left < right <= 96 and 0 <= top < bottom <= 64


def test_shift_and_strength() -> None:
    base = scene("surprise")
    assert base.frame(shift=(0.1, -0.1)).box[0] > base.frame().box[0]
    assert base.frame(shift=(0.1, -0.1)).box[1] < base.frame().box[1]
    rest, half, full = (base.frame(strength=strength).pixels.astype(int) for strength in (0.0, 0.5, 1.0))
    assert np.abs(full - rest).sum() > np.abs(half - rest).sum() > 0


def test_the_wall_is_behind_everything() -> None:
    base = scene()
    assert tuple(base.frame().pixels[0, 0]) == WALLS[base.wall]
    assert base.portrait(size=32).shape == (32, 32, 3)


def test_the_prop_follows_the_emotion_as_often_as_asked() -> None:
    drawn = [Scene.draw(np.random.default_rng(seed), "fear", context=0.5) for seed in range(200)]
    share = sum(one.prop == "fear" for one in drawn) / 200
    assert 0.45 < share < 0.72  # a half, and a seventh of the rest by chance


def test_refusals() -> None:
    with pytest.raises(ValueError, match="use one of neutral"):
        Scene.draw(np.random.default_rng(0), "boredom")
    with pytest.raises(ValueError, match="32 x 32 pixels"):
        scene().frame(height=32, width=32)

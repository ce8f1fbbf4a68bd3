from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from affectkit.data.synthetic import ACTION_UNITS, FaceIdentity, FaceView, action_units, draw_face

PERSON = FaceIdentity.draw(np.random.default_rng(3))
EYES = (slice(12, 27), slice(8, 40))
MOUTH = (slice(32, 44), slice(12, 36))


def mean_face(emotion: str) -> npt.NDArray[np.float64]:
    people = (FaceIdentity.draw(np.random.default_rng(seed)) for seed in range(12))
    faces = np.stack([draw_face(action_units({emotion: 1.0}), person) for person in people])
    mean: npt.NDArray[np.float64] = faces.astype(np.float64).mean(axis=0)
    return mean


def difference(
    one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], where: tuple[slice, slice]
) -> float:
    return float(np.abs(one[where] - other[where]).mean())


def test_joy_and_sadness_differ_most_in_the_mouth() -> None:
    joy, sadness = mean_face("joy"), mean_face("sadness")
    mouth = difference(joy, sadness, MOUTH)
    hair = difference(joy, sadness, (slice(0, 8), slice(0, 48)))
    assert mouth > 10
    assert hair < 0.1 * mouth


def test_anger_and_fear_differ_in_the_eyes_and_brows() -> None:
    assert difference(mean_face("anger"), mean_face("fear"), EYES) > 5


def test_lip_corners_rise_in_joy_and_fall_in_sadness() -> None:
    rest = draw_face({}, PERSON).astype(np.float64)
    corner = (slice(32, 38), slice(29, 36))
    smile = draw_face({12: 1.0}, PERSON)[corner].astype(np.float64).mean()
    frown = draw_face({15: 1.0}, PERSON)[corner].astype(np.float64).mean()
    assert abs(smile - rest[corner].mean()) > 3 * abs(frown - rest[corner].mean())


@pytest.mark.parametrize("unit", sorted(ACTION_UNITS))
def test_every_action_unit_moves_something(unit: int) -> None:
    rest = draw_face({}, PERSON).astype(np.int64)
    moved = draw_face({unit: 1.0}, PERSON).astype(np.int64)
    assert np.abs(moved - rest).max() >= 12
    assert np.abs(moved - rest).any(axis=2).mean() < 0.4  # and the rest of the face stays


def test_the_same_arguments_draw_the_same_picture() -> None:
    view = FaceView(noise=5.0)
    first = draw_face({4: 0.5}, PERSON, view=view, rng=np.random.default_rng(1))
    again = draw_face({4: 0.5}, PERSON, view=view, rng=np.random.default_rng(1))
    other = draw_face({4: 0.5}, PERSON, view=view, rng=np.random.default_rng(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_occlusions_hide_what_they_cover() -> None:
    def gap(occlusion: str, where: tuple[slice, slice]) -> float:
        view = FaceView(occlusion=occlusion)
        joy = draw_face(action_units({"joy": 1.0}), PERSON, view=view).astype(np.float64)
        anger = draw_face(action_units({"anger": 1.0}), PERSON, view=view).astype(np.float64)
        return difference(joy, anger, where)

    assert gap("scarf", MOUTH) < 0.2 * gap("none", MOUTH)
    assert gap("glasses", EYES) < 0.5 * gap("none", EYES)
    assert gap("both", MOUTH) < 0.2 * gap("none", MOUTH)


def test_size_and_identity_are_obeyed() -> None:
    other = replace(PERSON, skin=(98, 64, 44))
    picture = draw_face({}, other, size=32)
    assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
    assert not np.array_equal(picture, draw_face({}, replace(PERSON, skin=(247, 220, 196)), size=32))


def test_noise_without_a_generator_is_refused() -> None:
    with pytest.raises(ValueError, match="rng="):
        draw_face({}, PERSON, view=FaceView(noise=1.0))

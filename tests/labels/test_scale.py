from __future__ import annotations

import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.labels import AffectScale, UnknownLabelError, affect_scale, affect_scales

SCALES = affect_scales()


@given(st.sampled_from(SCALES), st.sampled_from(SCALES), st.data())
def test_conversion_goes_by_axis_name_and_comes_back(
    one: AffectScale, two: AffectScale, data: st.DataObject
) -> None:
    if set(one.axes) != set(two.axes):
        return
    shares = {axis: data.draw(st.floats(0, 1)) for axis in one.axes}
    values = [min(one.low + shares[axis] * (one.high - one.low), one.high) for axis in one.axes]
    converted = one.convert(values, two)
    for axis, value in zip(two.axes, converted, strict=True):
        # The definition, written for one axis at a time.
        expected = two.low + (two.high - two.low) * shares[axis]
        assert value == pytest.approx(expected, abs=1e-12)
    assert two.convert(converted, one) == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize("one", SCALES, ids=lambda scale: scale.name)
def test_ends_are_exact(one: AffectScale) -> None:
    for two in SCALES:
        if set(two.axes) <= set(one.axes):
            assert one.convert([one.low] * len(one), two) == [two.low] * len(two)
            assert one.convert([one.high] * len(one), two) == [two.high] * len(two)


def test_an_axis_that_is_not_there_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'vad.unit' wants 'dominance', but 'va.unit' only has valence, arousal"
    ):
        affect_scale("va.unit").convert([0.0, 0.0], affect_scale("vad.unit"))


def test_audeering_order_is_not_the_usual_one() -> None:
    arousal, dominance, valence = 0.75, 0.5, 0.25
    assert affect_scale("adv.unipolar").convert([arousal, dominance, valence], affect_scale("vad.unit")) == [
        -0.5,
        0.5,
        0.0,
    ]


def test_sims_times_three_is_mosi() -> None:
    assert affect_scale("sentiment.sims").convert([-0.5], affect_scale("sentiment.mosi")) == [-1.5]


@pytest.mark.parametrize(("name", "mark"), [("va.affectnet", -2.0), ("va.affwild2", -5.0)])
def test_marks_of_absence_become_none(name: str, mark: float) -> None:
    scale = affect_scale(name)
    assert scale.read([mark, 0.25]) == [None, 0.25]
    assert scale.convert([mark, mark], affect_scale("va.one_to_nine")) == [None, None]
    assert scale.convert([math.nan, None], affect_scale("va.unit"), clip=True) == [None, None]
    assert scale.convert([mark, 0.0], affect_scale("va.unit"), clip=True) == [None, 0.0]


@pytest.mark.parametrize("value", [-2.0, 1.0001, math.inf, -math.inf])
def test_out_of_range_is_refused_where_no_mark_says_otherwise(value: float) -> None:
    scale = affect_scale("va.unit")
    with pytest.raises(ValueError, match=r"arousal .* lies outside scale 'va.unit', -1..1"):
        scale.convert([0.0, value], affect_scale("va.unipolar"))
    clipped = scale.convert([0.0, value], scale, clip=True)
    assert clipped == [0.0, 1.0 if value > 0 else -1.0]


def test_a_wrong_number_of_values_is_refused() -> None:
    with pytest.raises(ValueError, match="has the axes valence, arousal but got 3 values"):
        affect_scale("va.unit").read([0.0, 0.0, 0.0])


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_survives_json_pickle_and_hash(scale: AffectScale) -> None:
    again = AffectScale.from_dict(json.loads(json.dumps(scale.to_dict())))
    assert again == scale and hash(again) == hash(scale) and pickle.loads(pickle.dumps(scale)) == scale
    assert affect_scale(scale.name) is scale and scale.source


def test_scales_that_were_only_reported_say_so() -> None:
    assert {scale.name for scale in SCALES if not scale.verified} == {"vad.iemocap", "vad.msppodcast"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"axes": ()}, "name each axis once"),
        ({"axes": ("valence", "valence")}, "name each axis once"),
        ({"low": 1, "high": 1}, "finite low < high"),
        ({"high": math.inf}, "finite low < high"),
        ({"absent": (0,)}, "which is a value of the scale"),
    ],
)
def test_inconsistent_scales_are_refused(fields: dict[str, Any], message: str) -> None:
    values: dict[str, Any] = {"name": "x.v1", "axes": ("valence",), "low": -1, "high": 1, **fields}
    with pytest.raises(ValueError, match=message):
        AffectScale(**values)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": None}, "'low': it must be a number"),
        ({"high": True}, "'high': it must be a number"),
        ({"axes": "valence"}, "needs lists"),
        ({"name": None}, "string 'name'"),
        ({"absent": ["-2"]}, "'absent': it must be a number"),
        ({"colour": 1}, "unknown field 'colour'"),
    ],
)
def test_damaged_dictionaries_are_refused(fields: dict[str, object], message: str) -> None:
    values: dict[str, object] = {"name": "x.v1", "axes": ["valence"], "low": -1, "high": 1, **fields}
    with pytest.raises(ValueError, match=message):
        AffectScale.from_dict(values)


def test_unknown_names_list_near_ones() -> None:
    with pytest.raises(UnknownLabelError, match=r"registered as 'va.unt': near matches are .*va\.unit"):
        affect_scale("va.unt")

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.data.schema import ShardError, canonical_json, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]))
def test_what_json_can_say_is_read_as_it_is(value: object, indent: int | None) -> None:
    assert parse_json(canonical_json(value)) == value
    assert parse_json(json.dumps(value, indent=indent).encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a" : 1, "a"\t:2}',
        '[{"x": {"a": 1, "a": 1}}]',
        '{"a": ":", "a": ":"}',
        '{"a":1,"\\u0061":2}',
        '{"time": "10:30", "b": {"c": 1, "c": ":::"}}',
    ],
)
def test_a_name_that_stands_twice_is_refused_wherever_colons_are(text: str) -> None:
    with pytest.raises(ShardError, match="twice"):
        parse_json(text.encode())


def test_colons_in_texts_are_no_names() -> None:
    assert parse_json(b'{"a": ":-)", "b": {"\\":": "1:2"}}') == {"a": ":-)", "b": {'":': "1:2"}}


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400 + ".0"]
)
def test_what_is_no_finite_number_is_refused(number: str) -> None:
    with pytest.raises(ShardError, match="not strict JSON"):
        parse_json(f'{{"label": [{number}]}}'.encode())


def test_the_largest_numbers_are_read() -> None:
    assert parse_json(b"[1.7976931348623157e308, -1.7976931348623157e308]") == [
        1.7976931348623157e308,
        -1.7976931348623157e308,
    ]

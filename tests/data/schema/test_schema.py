from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.data.schema import (
    MEMBER_EXTENSIONS,
    ShardError,
    canonical_json,
    conversation_record,
    member_kind,
    parse_json,
)
from affectkit.data.schema import strict_json as strict_json_module

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    return all(map(finite, value)) if isinstance(value, list) else True


def _is_utf8(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@given(values)
def test_json_round_trip_or_refusal(value: object) -> None:
    if finite(value) and _is_utf8(value):
        assert parse_json(canonical_json(value)) == value
    else:
        with pytest.raises(ShardError):
            canonical_json(value)


def test_canonical_bytes_do_not_depend_on_order() -> None:
    assert canonical_json({"a": 1, "b": {"d": "é", "c": None}}) == canonical_json(
        {"b": {"c": None, "d": "é"}, "a": 1}
    )


@pytest.mark.parametrize(
    "data",
    [
        b"NaN",
        b'{"label": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b"9" * 5000,
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"",
        b"{} {}",
        b"{'a': 1}",
    ],
)
def test_what_is_not_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(ShardError, match="the place"):
        parse_json(data, where="the place")


def test_oversized_json_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json_module, "MAX_JSON_BYTES", 4)
    assert parse_json(b"1234") == 1234
    with pytest.raises(ShardError, match="more than the 4"):
        parse_json(b"12345")


def test_only_data_is_on_the_allow_list() -> None:
    assert not MEMBER_EXTENSIONS & {"pkl", "pickle", "pyd", "pth", "pt", "npz", "yaml", "ten", "py"}
    assert member_kind("frame.0001.jpg") == "jpg"
    for ext in ("pkl", "jpg.pkl", "", "JPG"):
        with pytest.raises(ShardError, match="not allowed"):
            member_kind(ext)


GOOD: dict[str, object] = {
    "id": "t",
    "speakers": ["A", "B"],
    "utterances": [
        {
            "id": "0",
            "text": "hi",
            "speaker": 1,
            "label": None,
            "start": 0.5,
            "end": None,
            "dims": [0.1, None],
        },
        {"id": "1", "text": "", "speaker": 0, "label": 3, "extra": {"sentiment": None}},
    ],
    "meta": {"season": 3, "note": None},
}


def test_a_good_record_passes_unchanged() -> None:
    assert conversation_record(GOOD) is GOOD


def changed(path: str, value: object) -> object:
    copy: object = json.loads(json.dumps(GOOD))
    *parents, last = path.split(".")
    place = copy
    for name in parents:
        place = (
            place[int(name)] if isinstance(place, list) else place[name] if isinstance(place, dict) else None
        )
    assert isinstance(place, dict)
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("id", 3, "id must be a string"),
        ("speakers", "AB", "speakers"),
        ("speakers", [1], "speakers"),
        ("utterances", [], "at least one utterance"),
        ("utterances", ..., "missing utterances"),
        ("utterances.1.id", "0", "same id"),
        ("utterances.0.text", None, "utterance 0.*text"),
        ("utterances.0.speaker", 2, "from 0 to 1"),
        ("utterances.0.speaker", True, "speaker"),
        ("utterances.1.label", -100, "utterance 1.*label"),
        ("utterances.1.label", 1.0, "label"),
        ("utterances.1.label", ..., "missing label"),
        ("utterances.0.end", "12", "end"),
        ("utterances.0.dims", [True], "dims"),
        ("utterances.1.extra", {"sentiment": "positive"}, "extra"),
        ("utterances.1.mood", 1, "unknown mood"),
        ("meta", {"a": [1]}, "meta"),
    ],
)
def test_a_broken_record_is_refused(path: str, value: object, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        conversation_record(changed(path, value), where="here")


@given(values)
def test_any_value_is_refused_and_never_breaks(value: object) -> None:
    with pytest.raises(ShardError):
        conversation_record(value)

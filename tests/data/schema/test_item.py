"""The record of a sample that is no conversation."""

from __future__ import annotations

import pytest

from affectkit.data.schema import ShardError, canonical_json, item_record, parse_json

WHOLE: dict[str, object] = {
    "id": "face 1",
    "label": 3,
    "text": "hello",
    "speaker": "anna",
    "multilabel": [0, 3],
    "votes": [0, 2.5, 7, 0],
    "dims": [0.5, None],
    "extra": {"brightness": 2, "scene": None},
    "box": [1, 2, 3.5, 4],
    "meta": {"row": 3, "name": "x", "ratio": 0.5, "none": None},
}


def test_every_field_survives_the_disk() -> None:
    assert item_record(parse_json(canonical_json(WHOLE))) == WHOLE


def test_only_id_and_label_are_required() -> None:
    assert item_record({"id": "a", "label": None}) == {"id": "a", "label": None}
    for name in ("id", "label"):
        with pytest.raises(ShardError, match=f"missing {name}"):
            item_record({key: value for key, value in {"id": "a", "label": 1}.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", 3),
        ("label", -1),
        ("label", True),
        ("label", 1.0),
        ("text", None),
        ("speaker", 1),
        ("multilabel", [1, 0]),
        ("multilabel", [1, 1]),
        ("multilabel", [None]),
        ("multilabel", None),
        ("votes", [-1]),
        ("votes", [None]),
        ("votes", ["1"]),
        ("votes", 3),
        ("dims", ["x"]),
        ("extra", {"a": -1}),
        ("box", [1, 2, 3]),
        ("box", [1, 2, 3, None]),
        ("meta", {"a": [1]}),
        ("colour", "red"),
    ],
)
def test_a_wrong_field_is_named(name: str, value: object) -> None:
    with pytest.raises(ShardError, match=f"train 7 is no item record: .*{name}"):
        item_record({**WHOLE, name: value}, where="train 7")

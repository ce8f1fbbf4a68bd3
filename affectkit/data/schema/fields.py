"""What the records share: checks of fields in JSON whose author is not trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from affectkit.data.schema.error import ShardError


class FieldCheck(NamedTuple):
    """Whether a value is allowed in a field, and how the error words what is."""

    allows: Callable[[object], bool]
    wanted: str


def check_fields(
    value: object, where: str, *, kind: str, required: frozenset[str], checks: Mapping[str, FieldCheck]
) -> dict[str, object]:
    """Check the fields of a record and return it; every sample that is read goes through here.

    Args:
        value: What the JSON decoder gave.
        where: Names the sample in errors.
        kind: What the record is, e.g. ``"item record"``.
        required: Fields that it must have.
        checks: Check of each field that it may have.

    Raises:
        ShardError: If it is no JSON object, or a field is absent, unknown or of another type.
    """
    if not isinstance(value, dict):
        raise wrong_record(where, kind, "a JSON object is wanted")
    items: dict[str, object] = value
    if not required <= items.keys():
        missing = [name for name in checks if name in required and name not in items]
        raise wrong_record(where, kind, f"missing {', '.join(missing)}")
    # Only what is there is looked at, and a message is only worded once something is wrong.
    for name, field in items.items():
        check = checks.get(name)
        if check is None:
            unknown = sorted(str(name) for name in items if name not in checks)
            raise wrong_record(where, kind, f"unknown {', '.join(unknown)}")
        if not check.allows(field):
            raise wrong_record(where, kind, f"{name} must be {check.wanted}, not {_shown(field)}")
    return items


def wrong_record(where: str, kind: str, what: str) -> ShardError:
    """The error for a record, in one sentence."""
    return ShardError(f"{where} is no {kind}: {what}; make the shards anew from their source.")


def is_whole(value: object) -> bool:
    """True for an integer that is no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_label(value: object) -> bool:
    """True for a whole number from 0, or None."""
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def is_number(value: object) -> bool:
    """True for a finite number, or None."""
    if value is None or is_whole(value):
        return True
    return isinstance(value, float) and math.isfinite(value)


def _is_difficulty(value: object) -> bool:
    return value is not None and is_number(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(map(is_number, value))


def _are_labels(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_label, value.values()))


def _are_plain(value: object) -> bool:
    return isinstance(value, dict) and all(
        v is None or isinstance(v, str | int | float) for v in value.values()
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


TEXT = FieldCheck(_is_text, "a string")
LABEL = FieldCheck(is_label, "a number from 0 or null")
SECONDS = FieldCheck(is_number, "seconds or null")
DIMS = FieldCheck(_are_numbers, "a list of finite numbers and nulls")
EXTRA = FieldCheck(_are_labels, "a map of names to numbers from 0 or null")
DIFFICULTY = FieldCheck(_is_difficulty, "a finite number")
META = FieldCheck(_are_plain, "a map of names to plain values")

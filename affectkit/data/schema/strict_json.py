"""JSON with one byte form per value, and without the numbers that JSON does not have."""

from __future__ import annotations

import json
import re
import sys
from typing import Final

from affectkit.data.schema.error import ShardError

#: A sample's structure is small; a larger member is a mistake or an attack.
MAX_JSON_BYTES = 64 * 2**20
_LARGEST = sys.float_info.max
# UTF-8 itself cannot hold half a character; an escape can, and no later encoder would take it.
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def canonical_json(value: object) -> bytes:
    """Encode ``value`` so that equal values give equal bytes: sorted keys, no spaces, UTF-8.

    Raises:
        ShardError: If ``value`` holds NaN, an infinity or something that JSON cannot express.

    Examples:
        >>> canonical_json({"b": 1, "a": None})
        b'{"a":null,"b":1}'
    """
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ShardError(
            f"A record cannot be written as JSON ({error}): use null for what is absent, and plain values."
        ) from error


def parse_json(data: bytes | memoryview, *, where: str = "a JSON member") -> object:
    """Decode UTF-8 JSON; refuse NaN, infinities, repeated names, half characters and oversized input.

    Python's decoder accepts ``NaN`` and reads ``1e999`` as infinity; both would reach a loss as a
    label, so both are errors here.

    Raises:
        ShardError: If ``data`` is not strict JSON.

    Examples:
        >>> parse_json(b'{"label": null}')
        {'label': None}
    """
    if len(data) > MAX_JSON_BYTES:
        raise ShardError(
            f"{where} has {len(data)} bytes of JSON, more than the {MAX_JSON_BYTES} that are read: "
            "store large content in a safetensors member."
        )
    try:
        text = str(data, "utf-8")
        value: object = _SHORT.decode(text) if len(text) <= _SHORT_TEXT else _decode_long(text)
        if _HALF_CHARACTER.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # whole pairs are fine
    except RecursionError as error:
        raise ShardError(f"{where} nests JSON too deeply: write it anew with a flat structure.") from error
    except ValueError as error:
        raise ShardError(
            f"{where} is not strict JSON ({error}): write it anew, with null for what is absent."
        ) from error
    return value


def _decode_long(text: str) -> object:
    names = 0

    def count(found: dict[str, object]) -> dict[str, object]:
        nonlocal names
        names += len(found)
        return found

    value: object = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_hook=count)
    # Each name in the text is followed by a colon of its own. As many colons as names were kept
    # means that none stands twice; more can also come from within strings, so only then the
    # slower look at every object is needed.
    if names != text.count(":"):
        json.loads(text, object_pairs_hook=_unique)
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"the literal {name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if -_LARGEST <= number <= _LARGEST:
        return number
    raise ValueError(f"the number {text} is out of range")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object holds the same name twice")
    return found


#: For a short text, making a decoder costs more than looking at its few objects for repeated names.
_SHORT_TEXT: Final = 1024
_SHORT: Final = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
)

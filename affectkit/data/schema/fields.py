"""What the records share: checks of fields in JSON whose author is not trusted."""

from __future__ import annotations

import math

from affectkit.data.schema.error import ShardError


class RecordFields:
    """Checks the fields of one kind of record and says in one sentence what is wrong.

    Args:
        value: What the JSON decoder gave.
        where: Names the sample in errors.
        kind: What the record is, e.g. ``"item record"``.
        required: Fields that it must have.
        optional: Further fields that it may have.

    Raises:
        ShardError: If it is no JSON object, or a field is absent or unknown.
    """

    def __init__(
        self,
        value: object,
        where: str,
        *,
        kind: str,
        required: tuple[str, ...],
        optional: tuple[str, ...],
    ) -> None:
        self.where = where
        self.kind = kind
        if not isinstance(value, dict):
            raise self.wrong("a JSON object is wanted")
        self.items: dict[str, object] = value
        missing = [name for name in required if name not in value]
        self.expect(not missing, f"missing {', '.join(missing)}")
        unknown = sorted(set(value) - set(required) - set(optional))
        self.expect(not unknown, f"unknown {', '.join(map(str, unknown))}")

    def wrong(self, what: str) -> ShardError:
        """The error for this record."""
        return ShardError(f"{self.where} is no {self.kind}: {what}; make the shards anew from their source.")

    def expect(self, condition: bool, what: str) -> None:
        """Raise :meth:`wrong` unless ``condition`` holds."""
        if not condition:
            raise self.wrong(what)

    def text(self, name: str) -> str:
        """A string; an absent optional one is empty."""
        value = self.items.get(name, "")
        if not isinstance(value, str):
            raise self.wrong(f"{name} must be a string")
        return value

    def label(self, name: str) -> None:
        """A number from 0, or null."""
        value = self.items.get(name)
        self.expect(is_label(value), f"{name} must be a number from 0 or null, not {value!r}")

    def number(self, name: str, what: str) -> None:
        """A finite number, or null."""
        self.expect(is_number(self.items.get(name)), f"{name} must be {what} or null")

    def dims(self) -> None:
        """``dims``: a list of finite numbers and nulls."""
        value = self.items.get("dims", [])
        self.expect(isinstance(value, list) and all(map(is_number, value)), "dims must be a list of numbers")

    def extra(self) -> None:
        """``extra``: labels of further spaces."""
        value = self.items.get("extra", {})
        self.expect(
            isinstance(value, dict) and all(map(is_label, value.values())),
            "extra must map names to numbers from 0 or null",
        )

    def meta(self) -> None:
        """``meta``: plain values by name."""
        value = self.items.get("meta", {})
        self.expect(
            isinstance(value, dict)
            and all(v is None or isinstance(v, str | int | float) for v in value.values()),
            "meta must map names to plain values",
        )


def is_whole(value: object) -> bool:
    """True for an integer that is no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_label(value: object) -> bool:
    """True for a whole number from 0, or None."""
    return value is None or (isinstance(value, int) and is_whole(value) and value >= 0)


def is_number(value: object) -> bool:
    """True for a finite number, or None."""
    if value is None or is_whole(value):
        return True
    return isinstance(value, float) and math.isfinite(value)

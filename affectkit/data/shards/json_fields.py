"""Typed access to JSON whose author is not trusted."""

from __future__ import annotations

from affectkit.data.schema import ShardError


class JsonFields:
    """The fields of a JSON object; each method raises :class:`ShardError` on another type.

    Args:
        value: What the JSON decoder gave.
        where: Names the file and the place in it, for errors.
    """

    def __init__(self, value: object, where: str) -> None:
        self.where = where
        if not isinstance(value, dict):
            raise self._wrong("an object is wanted")
        self.items: dict[str, object] = value

    def _wrong(self, what: str) -> ShardError:
        return ShardError(f"{self.where} is damaged: {what}; make it anew.")

    def _get(self, name: str) -> object:
        if name not in self.items:
            raise self._wrong(f"missing {name!r}")
        return self.items[name]

    def text(self, name: str) -> str:
        """A string."""
        value = self._get(name)
        if not isinstance(value, str):
            raise self._wrong(f"{name!r} must be a string")
        return value

    def integer(self, name: str) -> int:
        """A whole number from 0."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
            raise self._wrong(f"{name!r} must be a whole number from 0")
        return value

    def boolean(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise self._wrong(f"{name!r} must be true or false")
        return value

    def child(self, name: str) -> JsonFields:
        """An object."""
        return JsonFields(self._get(name), f"{self.where}, {name}")

    def optional(self, name: str) -> JsonFields | None:
        """An object, or None where null stands."""
        return None if self._get(name) is None else self.child(name)

    def table(self, name: str) -> list[tuple[str, JsonFields]]:
        """An object of objects."""
        return [
            (key, JsonFields(v, f"{self.where}, {name}.{key}")) for key, v in self.child(name).items.items()
        ]

    def rows(self, name: str) -> list[JsonFields]:
        """A list of objects."""
        value = self._get(name)
        if not isinstance(value, list):
            raise self._wrong(f"{name!r} must be a list")
        return [JsonFields(item, f"{self.where}, {name}[{i}]") for i, item in enumerate(value)]

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self._get(name)
        if not isinstance(value, list):
            raise self._wrong(f"{name!r} must be a list")
        numbers = JsonFields({str(i): item for i, item in enumerate(value)}, f"{self.where}, {name}")
        return tuple(numbers.integer(key) for key in numbers.items)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._get(name)
        if not isinstance(value, list):
            raise self._wrong(f"{name!r} must be a list")
        strings = JsonFields({str(i): item for i, item in enumerate(value)}, f"{self.where}, {name}")
        return tuple(strings.text(key) for key in strings.items)

    def counts(self, name: str) -> list[tuple[str, tuple[int, ...]]]:
        """An object of lists of whole numbers."""
        table = self.child(name)
        return [(key, table.integers(key)) for key in table.items]

"""One thing that an audit found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeAlias

#: ``error``: results on this data cannot be trusted. ``warning``: look at it, and say so in a paper.
#: ``note``: usual in such data, stated so that nobody has to wonder.
Severity: TypeAlias = Literal["error", "warning", "note"]

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One kind of problem in one place, or between two.

    Args:
        code: What kind, for programs, e.g. ``"duplicate_text"``.
        severity: How bad it is.
        places: The splits (``"meld/test"``) or data sets (``"meld"``) concerned.
        count: How many items, pairs or names; the message says which.
        message: What was found, in one sentence.
        examples: A few of them, by key and never by content.
    """

    code: str
    severity: Severity
    places: tuple[str, ...]
    count: int
    message: str
    examples: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)

    @property
    def rank(self) -> tuple[int, str, tuple[str, ...]]:
        """Sorts findings by severity, kind and place."""
        return SEVERITIES.index(self.severity), self.code, self.places

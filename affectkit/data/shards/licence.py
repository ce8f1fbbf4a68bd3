"""Under which terms a data set may be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from affectkit.data.schema import ShardError

LicenceClass = Literal["open", "academic", "non-commercial", "unknown", "synthetic"]


@dataclass(frozen=True, slots=True)
class Licence:
    """Name, class and terms of a licence; mixing sets takes the strictest class.

    Args:
        name: Short name, e.g. ``"GPL-3.0"``.
        klass: One of ``open``, ``academic``, ``non-commercial``, ``unknown``, ``synthetic``.
        terms: One sentence on what the terms ask.

    Raises:
        ShardError: If the class is none of these.
    """

    name: str
    klass: LicenceClass
    terms: str = ""

    def __post_init__(self) -> None:
        if self.klass not in get_args(LicenceClass):
            raise ShardError(
                f"The licence class {self.klass!r} of {self.name!r} is unknown: "
                f"use one of {', '.join(get_args(LicenceClass))}."
            )

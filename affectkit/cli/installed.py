"""What affectkit asks for, and what is installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CORE = "core"
_OURSELVES = "affectkit"


class PackageState(NamedTuple):
    """One package that a part of affectkit needs.

    Args:
        part: ``core``, or the extra that brings the package.
        name: Name of the package.
        wanted: Versions that do, e.g. ``>=2.6``.
        found: The installed version, or None.
    """

    part: str
    name: str
    wanted: str
    found: str | None

    @property
    def fits(self) -> bool:
        """Whether a version that does is installed."""
        asked = Requirement(f"{self.name}{self.wanted}").specifier
        return self.found is not None and asked.contains(self.found, prereleases=True)


def package_states() -> list[PackageState]:
    """Every package of the core, then of each extra in the order in which affectkit names them.

    An extra that joins others, as ``all`` does, has the rows of those.
    """
    metadata = importlib.metadata.metadata(_OURSELVES)
    lines = importlib.metadata.requires(_OURSELVES) or []
    extras = metadata.get_all("Provides-Extra") or []
    return needed(lines, [str(extra) for extra in extras])


def needed(lines: Iterable[str], extras: Iterable[str]) -> list[PackageState]:
    """Sort requirement lines, as a package's metadata hold them, by the part that they belong to."""
    asked = [Requirement(line) for line in lines]
    rows: list[PackageState] = []
    for part in (CORE, *extras):
        for requirement in asked:
            marker = requirement.marker
            if marker is None or marker.evaluate({"extra": ""}):
                belongs = part == CORE
            else:
                belongs = part != CORE and marker.evaluate({"extra": part})
            if belongs and canonicalize_name(requirement.name) != _OURSELVES:
                wanted = str(requirement.specifier)
                rows.append(PackageState(part, requirement.name, wanted, _installed(requirement.name)))
    return rows


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

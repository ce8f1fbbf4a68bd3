"""The sources by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from affectkit.data.schema import ShardError
from affectkit.data.sources.meld import MELD
from affectkit.data.sources.source import Source

SOURCES: Mapping[str, Source] = MappingProxyType({source.template.name: source for source in (MELD,)})


def find_source(name: str) -> Source:
    """A source by its name.

    Raises:
        ShardError: If there is none of this name; those that exist are listed.
    """
    if name not in SOURCES:
        raise ShardError(f"There is no source {name!r}: use one of {', '.join(sorted(SOURCES))}.")
    return SOURCES[name]

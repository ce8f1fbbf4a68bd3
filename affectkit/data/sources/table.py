"""The sources by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from affectkit.data.schema import ShardError
from affectkit.data.sources.emobank import EMOBANK
from affectkit.data.sources.emodb import EMODB
from affectkit.data.sources.emorynlp import EMORYNLP
from affectkit.data.sources.ferplus import FERPLUS
from affectkit.data.sources.goemotions import GOEMOTIONS
from affectkit.data.sources.meld import MELD
from affectkit.data.sources.mosi import MOSI
from affectkit.data.sources.source import Source

_ALL: Final = (
    EMOBANK,
    EMODB,
    EMORYNLP,
    FERPLUS,
    GOEMOTIONS,
    MELD,
    MOSI,
)
SOURCES: Mapping[str, Source] = MappingProxyType({source.template.name: source for source in _ALL})


def find_source(name: str) -> Source:
    """A source by its name.

    Raises:
        ShardError: If there is none of this name; those that exist are listed.
    """
    if name not in SOURCES:
        raise ShardError(f"There is no source {name!r}: use one of {', '.join(sorted(SOURCES))}.")
    return SOURCES[name]

"""The sources by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from affectkit.data.schema import ShardError
from affectkit.data.sources.affectnet import AFFECTNET
from affectkit.data.sources.affectnet_folders import AFFECTNET_FOLDERS
from affectkit.data.sources.affwild2 import AFFWILD2
from affectkit.data.sources.caer import CAER
from affectkit.data.sources.dfer_clip import DFER_CLIP
from affectkit.data.sources.dfew import DFEW
from affectkit.data.sources.emobank import EMOBANK
from affectkit.data.sources.emodb import EMODB
from affectkit.data.sources.emorynlp import EMORYNLP
from affectkit.data.sources.emoset import EMOSET
from affectkit.data.sources.emotiontalk import EMOTIONTALK
from affectkit.data.sources.ferplus import FERPLUS
from affectkit.data.sources.ferv39k import FERV39K
from affectkit.data.sources.goemotions import GOEMOTIONS
from affectkit.data.sources.iemocap import IEMOCAP
from affectkit.data.sources.image_folder import IMAGE_FOLDER
from affectkit.data.sources.mafw import MAFW
from affectkit.data.sources.meld import MELD
from affectkit.data.sources.merbench import MERBENCH
from affectkit.data.sources.mmsa import MMSA
from affectkit.data.sources.mosi import MOSI
from affectkit.data.sources.own_table import CSV_TABLE, JSONL_TABLE
from affectkit.data.sources.raer import RAER
from affectkit.data.sources.rafdb import RAFDB
from affectkit.data.sources.source import Source

_ALL: Final = (
    AFFECTNET,
    AFFECTNET_FOLDERS,
    AFFWILD2,
    CAER,
    DFER_CLIP,
    DFEW,
    CSV_TABLE,
    EMOBANK,
    EMODB,
    EMORYNLP,
    EMOSET,
    EMOTIONTALK,
    FERPLUS,
    FERV39K,
    GOEMOTIONS,
    IEMOCAP,
    MAFW,
    IMAGE_FOLDER,
    JSONL_TABLE,
    MELD,
    MERBENCH,
    MMSA,
    MOSI,
    RAER,
    RAFDB,
)
#: Further names of sources.
ALIASES: Mapping[str, str] = MappingProxyType({"folder": "imagefolder"})
SOURCES: Mapping[str, Source] = MappingProxyType({source.template.name: source for source in _ALL})


def find_source(name: str) -> Source:
    """A source by its name, or by a further name that people try.

    Raises:
        ShardError: If there is none of this name; those that exist are listed.

    Examples:
        >>> find_source("folder").template.name
        'imagefolder'
    """
    name = ALIASES.get(name, name)
    if name not in SOURCES:
        raise ShardError(f"There is no source {name!r}: use one of {', '.join(sorted(SOURCES))}.")
    return SOURCES[name]

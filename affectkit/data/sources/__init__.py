"""Sources: readers of published files, and their conversion into shards."""

from __future__ import annotations

from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.make import UnverifiedLayoutWarning, make_dataset
from affectkit.data.sources.meld import MELD, read_meld
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.data.sources.table import SOURCES, find_source
from affectkit.data.sources.text_repair import repair_windows_1252

__all__ = (
    "MELD",
    "SOURCES",
    "Source",
    "SourceError",
    "SourceSample",
    "UnverifiedLayoutWarning",
    "csv_rows",
    "find_source",
    "make_dataset",
    "read_meld",
    "repair_windows_1252",
)

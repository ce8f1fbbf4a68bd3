"""From a row of the catalogue to its class."""

from __future__ import annotations

import importlib

from affectkit.catalog import Component


def component_class(row: Component) -> type:
    """The class of a row."""
    room, _, name = row.path.rpartition(".")
    found: type = getattr(importlib.import_module(room), name)
    return found

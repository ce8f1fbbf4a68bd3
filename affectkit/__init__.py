"""affectkit: composable, typed parts for affective computing on PyTorch Lightning.

The root import loads no heavy library. Rooms load on first use::

    import affectkit
    affectkit.labels.label_space("meld7.official")
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from affectkit import (
        adapters,
        callbacks,
        catalog,
        conversation,
        curriculum,
        data,
        distill,
        encoders,
        functional,
        fusion,
        graph,
        heads,
        labels,
        losses,
        metrics,
        physiology,
        predict,
        report,
        tasks,
        temporal,
        types,
    )

__all__ = [
    "__version__",
    "adapters",
    "callbacks",
    "catalog",
    "conversation",
    "curriculum",
    "data",
    "distill",
    "encoders",
    "functional",
    "fusion",
    "graph",
    "heads",
    "labels",
    "losses",
    "metrics",
    "physiology",
    "predict",
    "report",
    "tasks",
    "temporal",
    "types",
]


def __getattr__(name: str) -> ModuleType:
    """Load a room the first time it is named (PEP 562)."""
    if name in __all__ and name != "__version__":
        return importlib.import_module(f"affectkit.{name}")
    raise AttributeError(f"module 'affectkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

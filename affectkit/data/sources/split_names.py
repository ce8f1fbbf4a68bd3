"""What people call the splits."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

_NAMES: Final = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "trn": "train",
        "val": "val",
        "valid": "val",
        "validation": "val",
        "dev": "val",
        "test": "test",
        "testing": "test",
        "tst": "test",
    }
)


def split_of(name: str) -> str | None:
    """The split that a folder, file or cell of this name means, or None.

    Examples:
        >>> split_of("Validation"), split_of("faces")
        ('val', None)
    """
    return _NAMES.get(name.strip().lower())

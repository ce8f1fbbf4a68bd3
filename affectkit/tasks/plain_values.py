"""Which values a checkpoint may hold so that it loads with ``weights_only=True``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor

_ATOMS = (bool, int, float, str, bytes, type(None), torch.dtype, torch.device, torch.Size)


def is_plain(value: object) -> bool:
    """Whether ``value`` loads with ``weights_only=True`` in a process without its class.

    Exact types count: an ``Enum`` that is a ``str``, a ``NamedTuple`` or a numpy scalar is stored
    by its class, and loading it would run code.

    Examples:
        >>> from pathlib import Path
        >>> is_plain({"lr": 1e-3, "dims": [1, 2]}), is_plain(Path("runs"))
        (True, False)
    """
    return unloadable(value) is None


def unloadable(value: object, *, place: str = "") -> str | None:
    """Name the first place in ``value`` that would not load with ``weights_only=True``, or None."""
    if isinstance(value, Tensor):
        return (
            None
            if type(value) in (Tensor, torch.nn.Parameter)
            else f"{place or 'it'} ({type(value).__name__})"
        )
    if type(value) in _ATOMS:
        return None
    if type(value) in (list, tuple, set):
        members = value if isinstance(value, (list, tuple, set)) else ()
        return _first(((f"{place}[{index}]", item) for index, item in enumerate(members)))
    if type(value) in (dict, OrderedDict) and isinstance(value, Mapping):
        keys = _first((f"{place}.{key}", key) for key in value)
        return keys or _first((f"{place}.{key}".lstrip("."), item) for key, item in value.items())
    return f"{place or 'it'} ({type(value).__module__}.{type(value).__qualname__})"


def _first(items: object) -> str | None:
    for place, item in items:  # type: ignore[attr-defined]
        found = unloadable(item, place=place)
        if found is not None:
            return found
    return None


def plain(value: object) -> object:
    """Copy of ``value`` in which mappings are ``dict``; what is not plain stays as it is.

    Lightning keeps hyper-parameters in a dictionary class of its own, also inside one another.
    """
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if type(value) is list:
        return [plain(item) for item in value]
    return value

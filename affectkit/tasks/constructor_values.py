"""Which values the constructors of an object were called with."""

from __future__ import annotations

import inspect
from types import FrameType


def constructor_values(frame: FrameType | None, instance: object) -> tuple[dict[str, object], set[str]]:
    """Collect the arguments of the ``__init__`` that ``frame`` is in and of those that called it.

    Args:
        frame: A frame of a constructor of ``instance``.
        instance: The object under construction.

    Returns:
        All values by name, an outer constructor's before an inner one's, and the names that the
        outermost constructor takes: those are what the object can be built again from.
    """
    values: dict[str, object] = {}
    outermost: set[str] = set()
    while frame is not None and frame.f_code.co_name == "__init__":
        info = inspect.getargvalues(frame)
        if not info.args or info.locals.get(info.args[0]) is not instance:
            break
        own = {name: info.locals[name] for name in info.args[1:] if name in info.locals}
        if info.keywords is not None:
            own |= info.locals[info.keywords]
        values |= own
        outermost = set(own)
        frame = frame.f_back
    return values, outermost

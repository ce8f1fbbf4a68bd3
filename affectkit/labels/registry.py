"""Look-up of the registered label orders by name."""

from __future__ import annotations

from types import MappingProxyType

from affectkit.labels.errors import UnknownLabelError, near
from affectkit.labels.orders import ORDERS
from affectkit.labels.space import LabelSpace

_SPACES = MappingProxyType({space.name: space for space in ORDERS})


def label_space(name: str) -> LabelSpace:
    """Return a registered order by its versioned name, or the order that is written out with commas.

    Args:
        name: A name, e.g. ``"meld7.official"``; or labels of your own in index order, e.g. ``"calm,cross"``.

    Raises:
        UnknownLabelError: If no order has this name; near matches are named.
        ValueError: If a label that is written out is empty or occurs twice.

    Examples:
        >>> label_space("meld7.official").order()
        '0 neutral, 1 surprise, 2 fear, 3 sadness, 4 joy, 5 disgust, 6 anger'
        >>> label_space("calm, cheerful, cross").order()
        '0 calm, 1 cheerful, 2 cross'
    """
    if "," in name:
        labels = tuple(label.strip() for label in name.split(","))
        return LabelSpace(f"own{len(labels)}.listed", labels)
    found = _SPACES.get(name)
    if found is None:
        hint = near(name, {known: known for known in _SPACES})
        raise UnknownLabelError(
            f"No label space is registered as {name!r}: {hint}; one of your own is "
            "LabelSpace(name, labels), or its labels in order with commas between."
        )
    return found


def label_spaces() -> tuple[LabelSpace, ...]:
    """Return every registered order, sorted by name.

    Examples:
        >>> [space.name for space in label_spaces() if space.name.startswith("meld7")]
        ['meld7.merbench', 'meld7.official', 'meld7.wild']
    """
    return tuple(_SPACES[name] for name in sorted(_SPACES))

"""The comparison of a stored label order with the order of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from affectkit.labels.errors import LabelSpaceMismatchError
from affectkit.labels.mapping import LabelMap, both_orders
from affectkit.labels.registry import label_spaces
from affectkit.labels.space import LabelSpace


def reconcile(
    stored: LabelSpace,
    wanted: LabelSpace,
    *,
    merge: Mapping[str, str] | None = None,
    drop: Iterable[str] | None = None,
) -> LabelMap:
    """Return the map that turns stored labels into those of the run, or refuse.

    The same labels in the same order give the identity, the same labels in another order are mapped
    by name. Anything else needs an explicit map: as soon as ``merge`` or ``drop`` is given (an empty
    ``merge`` suffices where ``wanted`` only has labels to spare), :meth:`LabelSpace.map_to` decides.
    Names of spaces are never trusted, only their labels are compared.

    Args:
        stored: The space of the shards, or of the checkpoint.
        wanted: The space of the run, or of the model.
        merge: Stored label -> wanted label.
        drop: Stored labels whose rows become -100.

    Raises:
        LabelSpaceMismatchError: If the sets of labels differ and no map was given; both orders are printed.

    Examples:
        >>> from affectkit.labels import label_space
        >>> reconcile(label_space("meld7.merbench"), label_space("meld7.official")).table
        (6, 4, 3, 0, 5, 2, 1)
    """
    if merge is not None or drop is not None:
        return stored.map_to(wanted, merge=merge, drop=drop or ())
    if stored.same_order(wanted):
        return LabelMap(stored, wanted, tuple(range(len(stored))))
    try:
        found = stored.map_to(wanted)
    except LabelSpaceMismatchError as error:
        raise LabelSpaceMismatchError(
            f"The stored labels do not fit those of the run. {error} Or run in the stored label "
            f"space: {_as_value(stored)}."
        ) from None
    missing = sorted(set(range(len(wanted))) - set(found.table))
    if missing:
        raise LabelSpaceMismatchError(
            f"The stored labels do not fit those of the run. {both_orders(stored, wanted)}"
            f"{wanted.labels[missing[0]]!r} of {wanted.name!r} never occurs in {stored.name!r}: pass an "
            f"explicit map (merge={{}} if that is meant), or run in the stored label space: "
            f"{_as_value(stored)}."
        )
    return found


def _as_value(space: LabelSpace) -> str:
    """What to give as ``label_space``: the name where it is registered, else the labels themselves."""
    return f"label_space={space.name if space in label_spaces() else ','.join(space.labels)}"

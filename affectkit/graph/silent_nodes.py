"""What is said of labels and dimensions about which the data say nothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from affectkit.labels import LabelSpace


def warn_of_silent_nodes(space: LabelSpace, unseen: Sequence[str], constant: Sequence[str] = ()) -> bool:
    """Warn, in the name of the caller's caller, of nodes that stay without a link; say whether there are any.

    Args:
        space: Label order of the graph, for the message.
        unseen: Nodes without a sample.
        constant: Nodes that are the same in every sample.
    """
    silent = [f"{node} (no sample)" for node in unseen] + [f"{node} (always the same)" for node in constant]
    if silent:
        warnings.warn(
            f"The annotations of {space.name!r} say nothing about {', '.join(silent)}: the graph has no link "
            "there, so what is learnt for these nodes is learnt from their embeddings alone.",
            stacklevel=3,
        )
    return bool(silent)

"""From how strongly nodes go together to the adjacency of a label graph."""

from __future__ import annotations

from torch import Tensor

from affectkit.functional import label_links, reweighted_adjacency
from affectkit.graph.error import LabelGraphError


def linked_adjacency(
    strength: Tensor, *, num_classes: int, threshold: float, self_weight: float, between_classes: bool
) -> Tensor:
    """Link nodes from a strength on, and weigh the links as published.

    Args:
        strength: Strengths (N, N); their sign does not count.
        num_classes: The first so many nodes are categories.
        threshold: Two nodes are linked from this absolute value on.
        self_weight: Share that a node keeps of itself.
        between_classes: Whether categories may be linked with each other.

    Raises:
        LabelGraphError: If a number is out of range.
    """
    if not threshold > 0 or not 0.0 < self_weight <= 1.0:
        raise LabelGraphError(
            f"A label graph got threshold={threshold:g} and self_weight={self_weight:g}: give a threshold "
            "above 0, and as self weight a share above 0 and at most 1."
        )
    links = label_links(
        strength, num_classes=num_classes, threshold=threshold, between_classes=between_classes
    )
    return reweighted_adjacency(links, self_weight=self_weight)

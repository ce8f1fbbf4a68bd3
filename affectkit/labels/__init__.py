"""Label orders and value ranges: the only room that knows an order. Imports without torch."""

from __future__ import annotations

from affectkit.labels.aliases import ALIASES, canonical
from affectkit.labels.compound_pairs import compound_pairs
from affectkit.labels.counts import PublishedCounts, published_counts
from affectkit.labels.errors import LabelSpaceMismatchError, UnknownLabelError
from affectkit.labels.mapping import LabelMap
from affectkit.labels.reconcile import reconcile
from affectkit.labels.registry import label_space, label_spaces
from affectkit.labels.scale import AffectScale, affect_scale, affect_scales
from affectkit.labels.space import LabelKind, LabelSpace
from affectkit.labels.wheel import WHEEL_POINTS, ValenceArousalWheel

__all__ = (
    "ALIASES",
    "WHEEL_POINTS",
    "AffectScale",
    "LabelKind",
    "LabelMap",
    "LabelSpace",
    "LabelSpaceMismatchError",
    "PublishedCounts",
    "UnknownLabelError",
    "ValenceArousalWheel",
    "affect_scale",
    "affect_scales",
    "canonical",
    "compound_pairs",
    "label_space",
    "label_spaces",
    "published_counts",
    "reconcile",
)

"""Attributes of people that no model of affectkit predicts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from affectkit.labels.aliases import fold

#: Names of outputs and label spaces by which people would be sorted.
_ATTRIBUTES: Final = frozenset(
    {
        *("gender", "sex", "age", "age group", "race", "ethnicity", "ethnic group"),
        *("skin colour", "skin color", "nationality", "religion", "disability"),
        *("sexual orientation", "political opinion", "trade union", "health"),
    }
)
#: Labels that are values of such an attribute, whatever the space is called.
_VALUES: Final = {
    **dict.fromkeys(("male", "female", "man", "woman", "men", "women", "boy", "girl"), "gender"),
    **dict.fromkeys(("child", "adult", "senior", "elderly", "teenager", "infant", "toddler"), "age"),
    **dict.fromkeys(("christian", "muslim", "jewish", "hindu", "buddhist"), "religion"),
}
#: What may follow the name in that of a label space: how many labels, and a version.
_VERSION: Final = re.compile(r"\d*(\..*)?$")


def sensitive_attributes(names: Iterable[str], *, space: str = "") -> list[str]:
    """Which sensitive attributes of people stand among names of outputs or labels.

    Emotions, values of affect and what a picture shows are none; gender, age, ethnicity, religion, health and
    the like are.

    Args:
        names: Labels, axes and names of further outputs.
        space: Name of the label space.

    Examples:
        >>> sensitive_attributes(["joy", "Age", "valence"])
        ['age']
        >>> sensitive_attributes(["female", "male"]), sensitive_attributes(["a", "b"], space="ethnicity2.v1")
        (['gender'], ['ethnicity'])
    """
    folded = {fold(name) for name in (*names, _VERSION.sub("", space))}
    plain = {fold(name): name for name in _ATTRIBUTES}
    found = {plain[name] for name in folded & set(plain)}
    return sorted(found | {attribute for value, attribute in _VALUES.items() if fold(value) in folded})

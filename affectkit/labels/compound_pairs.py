"""Which two basic emotions a compound one is made of."""

from __future__ import annotations

from affectkit.labels.aliases import canonical
from affectkit.labels.errors import UnknownLabelError
from affectkit.labels.registry import label_space
from affectkit.labels.space import LabelSpace


def compound_pairs(compound: LabelSpace | str, basic: LabelSpace | str) -> tuple[tuple[int, int], ...]:
    """Indices of the two basic emotions of every compound, by its two words.

    Args:
        compound: Labels such as ``"fearfully surprised"``, e.g. ``"cexprdb7.abaw"``.
        basic: The basic emotions, e.g. ``"fer7.official"``.

    Raises:
        UnknownLabelError: If a compound is not two words, or ``basic`` lacks one of them.

    Examples:
        >>> from affectkit.labels import label_space
        >>> pairs = compound_pairs("cexprdb7.abaw", "fer7.official")
        >>> [label_space("fer7.official").labels[index] for index in pairs[0]]
        ['fear', 'surprise']
    """
    mixed = label_space(compound) if isinstance(compound, str) else compound
    space = label_space(basic) if isinstance(basic, str) else basic
    names = {canonical(label): index for index, label in enumerate(space.labels)}
    found: list[tuple[int, int]] = []
    for label in mixed.labels:
        words = label.replace("-", " ").replace("_", " ").split()
        places = [names.get(_emotion(word)) for word in words]
        if len(places) != 2 or places[0] is None or places[1] is None or places[0] == places[1]:
            raise UnknownLabelError(
                f"The label {label!r} of {mixed.name!r} is not two of the emotions of {space.name!r} "
                f"({space.order()}): give the pairs yourself, or another space of basic emotions."
            )
        found.append((places[0], places[1]))
    return tuple(found)


def _emotion(word: str) -> str:
    """What an adverb or adjective means: happily, happy and joy are one."""
    plain = word.lower()
    plain = plain.removesuffix("ily") + "y" if plain.endswith("ily") else plain.removesuffix("ly")
    return canonical(plain)

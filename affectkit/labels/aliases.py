"""Which spellings mean the same label: a table, and the canonical form it gives.

Only other forms of the same word are listed (noun, adjective, participle, the usual three-letter
code), and the one pair of words that data sets use for the same class, joy and happiness. Words
of another intensity or another theory (annoyance, rage, grief, nervousness, worry, excitement,
contentment) are never aliases: joining those is a decision, which ``LabelSpace.map_to`` wants to
be told with ``merge=``.
"""

from __future__ import annotations

from types import MappingProxyType

_FORMS: dict[str, tuple[str, ...]] = {
    "amusement": ("amused",),
    "anger": ("angry", "ang"),
    "anxiety": ("anxious",),
    "awe": ("awed",),
    "boredom": ("bored",),
    "calm": ("calmness",),
    "confusion": ("confused",),
    "contempt": ("contemptuous",),
    "contentment": ("content", "contented"),
    "disappointment": ("disappointed",),
    "disgust": ("disgusted", "dis"),
    "embarrassment": ("embarrassed",),
    "excitement": ("excited", "exc"),
    "fear": ("fearful", "fea"),
    "frustration": ("frustrated", "fru"),
    "guilt": ("guilty",),
    "happiness": ("happy", "hap", "joy", "joyful"),
    "helplessness": ("helpless",),
    "negative": ("neg",),
    "neutral": ("neu", "neutrality", "no emotion"),
    "no face": ("non face", "not a face", "nf"),
    "other": ("others",),
    "peaceful": ("peace", "peacefulness"),
    "positive": ("pos",),
    "powerful": ("power",),
    "pride": ("proud",),
    "sadness": ("sad",),
    "shame": ("ashamed",),
    "surprise": ("surprised", "sur"),
    "unknown": ("unk",),
    "worry": ("worried",),
}

#: Spelling -> canonical label, both in the folded form that :func:`fold` gives.
ALIASES = MappingProxyType({form: name for name, forms in _FORMS.items() for form in forms})


def fold(label: str) -> str:
    """Remove what never distinguishes two labels: case, surrounding space, ``_`` and ``-``.

    Examples:
        >>> fold(" No_Emotion ")
        'no emotion'
    """
    return " ".join(label.casefold().replace("_", " ").replace("-", " ").split())


def canonical(label: str) -> str:
    """Return the form in which all spellings of a label meet; an unlisted word is its own form.

    Examples:
        >>> canonical("Joy"), canonical("hap"), canonical("annoyance")
        ('happiness', 'happiness', 'annoyance')
    """
    folded = fold(label)
    return ALIASES.get(folded, folded)

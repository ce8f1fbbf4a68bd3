"""The two ways in which labels go wrong: a name nobody knows, and two orders that differ."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches


class UnknownLabelError(ValueError):
    """A label, a label space or a scale was asked for by a name that does not exist."""


class LabelSpaceMismatchError(ValueError):
    """Two label spaces cannot be matched without losing or guessing; the message prints both orders."""


def near(name: str, known: Mapping[str, str]) -> str:
    """Say which names resemble ``name``, or list them all when none does.

    Args:
        name: What was asked for.
        known: Each spelling that would have been understood -> the name to suggest for it.
    """
    wanted = name.casefold()
    spellings = {spelling.casefold(): suggestion for spelling, suggestion in known.items()}
    # "meld" and "meld.declare_lab" mean the meld7 family, however unlike the rest of the name is.
    stem = wanted.split(".")[0].rstrip("0123456789")
    family = [key for key in spellings if "." in key and key.split(".")[0].rstrip("0123456789") == stem]
    close = get_close_matches(wanted, spellings, n=3, cutoff=0.6)
    hits = list(dict.fromkeys(spellings[key] for key in [*family, *close]))
    if hits:
        return f"near matches are {', '.join(hits)}"
    return f"known are {', '.join(dict.fromkeys(known.values()))}"

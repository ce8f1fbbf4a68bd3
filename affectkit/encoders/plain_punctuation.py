"""Typographic punctuation as a keyboard has it."""

from __future__ import annotations

from typing import Final

_PLAIN: Final = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2026": "...",
    }
)


def plain_punctuation(text: str) -> str:
    """Write curly quotes, dashes and the ellipsis in ASCII, and each run of white space as one space.

    Vocabularies of text encoders know ``it's`` in pieces of their own, and hardly the curly form.

    Examples:
        >>> plain_punctuation("It\\u2019s \\u2026 \\u201cfine\\u201d\\xa0\\u2014  really")
        'It\\'s ... "fine" - really'
    """
    return " ".join(text.translate(_PLAIN).split())

"""Repair of text that went through two encodings."""

from __future__ import annotations


def repair_windows_1252(text: str) -> str:
    """Turn Windows-1252 punctuation that was stored as control characters into Unicode.

    The code points U+0080 to U+009F are control characters that no sentence holds; where they
    stand, a Windows-1252 byte was taken for Latin-1. Each becomes the character that was meant; the
    five that Windows-1252 leaves undefined are dropped. Everything else, letters with accents
    included, stays.

    Examples:
        >>> repair_windows_1252("I\\x92m at the caf\\xe9\\x85")
        'I’m at the café…'
    """
    return "".join(
        bytes([ord(letter)]).decode("cp1252", "ignore") if "\x80" <= letter <= "\x9f" else letter
        for letter in text
    )

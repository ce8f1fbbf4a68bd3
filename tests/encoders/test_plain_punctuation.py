"""Typographic punctuation in ASCII."""

from __future__ import annotations

import pytest

from affectkit.encoders.plain_punctuation import plain_punctuation


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("\u2018so\u2019 \u201cwhat\u201d", "'so' \"what\""),
        ("a\u2013b\u2014c\u2026", "a-b-c..."),
        ("  two\n\nlines\xa0here ", "two lines here"),
        ("caf\xe9 \u4f60\u597d", "caf\xe9 \u4f60\u597d"),
        ("", ""),
    ],
)
def test_only_punctuation_and_space_change(given: str, expected: str) -> None:
    assert plain_punctuation(given) == expected

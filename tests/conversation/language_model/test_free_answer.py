"""Which label a text names."""

from __future__ import annotations

import pytest

from affectkit.conversation.language_model import free_answer

LABELS = ("neutral", "joy", "happy", "very happy", "no emotion")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("joy", 1),
        (" JOY.\n", 1),
        ("The label is: joy, joy!", 1),
        ("very  happy", 3),
        ("happy", 2),
        ("very happy, or just happy", None),
        ("No emotion", 4),
        ("joyful", None),
        ("unhappy", None),
        ("joy_1", None),
        ("neutral/joy", None),
        ("", None),
        ("I cannot say.", None),
    ],
)
def test_one_label_as_a_whole_word(text: str, expected: int | None) -> None:
    assert free_answer(text, LABELS) == expected

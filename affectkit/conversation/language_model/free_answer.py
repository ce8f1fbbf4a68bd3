"""What a model wrote to the label that it means."""

from __future__ import annotations

import re
from collections.abc import Sequence


def free_answer(text: str, labels: Sequence[str]) -> int | None:
    """Index of the one label that a text names, as a whole word in any case; None is a refusal.

    A text that names none, or several, answers nothing. A label inside another one (``"happy"`` in
    ``"very happy"``) is not named by it.

    Args:
        text: What was written.
        labels: Words for the labels.

    Examples:
        >>> labels = ["joy", "anger", "no emotion"]
        >>> free_answer(" Joy.", labels), free_answer("No emotion!", labels)
        (0, 2)
        >>> print(free_answer("joy or anger", labels), free_answer("joyful", labels))
        None None
    """
    left = " ".join(text.casefold().split())
    found: set[int] = set()
    for place in sorted(range(len(labels)), key=lambda place: -len(labels[place])):
        word = " ".join(labels[place].casefold().split())
        left, count = re.subn(rf"(?<!\w){re.escape(word)}(?!\w)", " ", left)
        if count:
            found.add(place)
    return found.pop() if len(found) == 1 else None

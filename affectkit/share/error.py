"""What goes wrong when a model is handed on."""

from __future__ import annotations


class ShareError(ValueError):
    """A run cannot be exported, described or saved as it was asked; the message says what to do."""


def first_line(error: BaseException) -> str:
    """What an error of another library says, short enough to stand in a sentence.

    Examples:
        >>> first_line(RuntimeError("no such shape.\\nSee the log."))
        'no such shape'
    """
    return str(error).strip().partition("\n")[0].rstrip(". ")

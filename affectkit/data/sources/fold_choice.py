"""The option of sources whose files come in folds."""

from __future__ import annotations

from collections.abc import Mapping

from affectkit.data.schema import ShardError

FOLD_OPTION = {"fold": "which fold is the test split, 1 to 5 (default: 1)"}


def chosen_fold(options: Mapping[str, str], *, name: str) -> int:
    """The number that the option ``fold`` gives.

    Args:
        options: The options of the source.
        name: The source, for the error.

    Raises:
        ShardError: If it is no number from 1 to 5.
    """
    text = options.get("fold", "1")
    if text not in ("1", "2", "3", "4", "5"):
        raise ShardError(f"The option fold={text} of {name!r} is none of 1, 2, 3, 4, 5: choose one of them.")
    return int(text)

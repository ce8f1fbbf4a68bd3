"""The one maker of the error for a missing optional package."""

from __future__ import annotations

import importlib
from types import ModuleType


class MissingExtraError(ImportError):
    """An optional package is not installed; the message holds the pip line that installs it."""


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import ``module``, or say in one sentence which extra brings it.

    Args:
        module: Dotted name of the optional module, e.g. ``"soundfile"``.
        extra: The affectkit extra that installs it, e.g. ``"audio"``.
        purpose: What needs it, as the subject of the sentence, e.g. ``"Reading FLAC files"``.

    Raises:
        MissingExtraError: If the module cannot be found. An error raised *inside* an
            installed module is passed on unchanged, since installing again would not help.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{purpose} needs the package '{module}', which is not installed: "
            f'run `pip install "affectkit[{extra}]"`.'
        ) from error

"""The one module that knows huggingface_hub: tasks that were saved there, as folders here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affectkit._optional import require
from affectkit.calibration import scaling_path
from affectkit.tasks.saved_folder import CARD, CONFIG, WEIGHTS, is_saved_folder


def hub_library() -> Any:
    """The library of the hub.

    Raises:
        MissingExtraError: If huggingface_hub is not installed.
    """
    return require("huggingface_hub", extra="hub", purpose="Sharing on the hub")


def download_pretrained(repository: str, *, revision: str | None = None) -> Path:
    """Bring the configuration, weights, scaling and card of a repository of the hub into its cache.

    Args:
        repository: ``OWNER/NAME``.
        revision: Branch, tag or commit; a commit stays what it is.

    Returns:
        The folder, for :func:`~affectkit.share.load_pretrained`.

    Raises:
        MissingExtraError: If huggingface_hub is not installed.
    """
    patterns = [CONFIG, WEIGHTS, scaling_path(WEIGHTS).name, CARD]
    found: object = hub_library().snapshot_download(repository, revision=revision, allow_patterns=patterns)
    return Path(str(found))


def is_saved_on_hub(repository: str) -> bool:
    """Whether a repository of the hub is a task of affectkit; only its configuration is brought.

    Args:
        repository: ``OWNER/NAME``.

    Raises:
        MissingExtraError: If huggingface_hub is not installed.
    """
    config = Path(str(hub_library().hf_hub_download(repository, CONFIG)))
    return is_saved_folder(config.parent)

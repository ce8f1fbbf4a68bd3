"""From a name of the hub to the folder of its model."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Final

from affectkit.predict.error import PredictError
from affectkit.tasks.saved_on_hub import download_pretrained, is_saved_on_hub

#: What begins the name of a model on the hub, so that nothing is downloaded that was not asked for.
HUB: Final = "hf:"


def local_model(model: str | os.PathLike[str]) -> str:
    """Where a model lies: of one that affectkit saved on the hub, its folder in the hub's cache.

    Any other is where it was; of a name on the hub that affectkit did not save, or that the hub does not
    answer for, this is the name.

    Args:
        model: Place of a model, or ``hf:OWNER/NAME``.

    Raises:
        PredictError: If it cannot be downloaded.
    """
    named = os.fspath(model)
    if not named.startswith(HUB) or find_spec("huggingface_hub") is None:
        return named
    repository = named.removeprefix(HUB)
    try:
        if not is_saved_on_hub(repository):
            return named
    except Exception:  # of the hub's library; transformers asks the hub again, and explains its answer
        return named
    try:
        return str(download_pretrained(repository))
    except Exception as error:  # the hub's library raises whatever its parts raise
        reason = str(error).partition("\n")[0].rstrip(".")
        raise PredictError(
            f"The model {named} cannot be downloaded ({reason}): check the network, the rights and the disk."
        ) from error

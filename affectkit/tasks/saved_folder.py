"""A task that was saved as a folder for others, read as the checkpoint it stands for."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from affectkit.tasks.checkpoint_record import KEY
from affectkit.tensor_file import TensorFileError, read_tensor_file

#: The files of the folder; the hub knows them by these names.
WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
CARD: Final = "README.md"


class SavedFolderError(ValueError):
    """A folder is none that a task was saved in, or it is not whole; the message says what to do."""


def is_saved_folder(place: str | os.PathLike[str]) -> bool:
    """Whether a folder holds the configuration of a task of affectkit, and not of another library."""
    path = Path(place) / CONFIG
    try:
        return path.is_file() and KEY in read_saved_config(place)
    except SavedFolderError:
        return False


def read_saved_config(place: str | os.PathLike[str]) -> Mapping[str, object]:
    """What the configuration of a folder says; empty where it is no mapping.

    Raises:
        SavedFolderError: If there is none, or it is no JSON.
    """
    path = Path(place) / CONFIG
    if not path.is_file():
        raise SavedFolderError(f"There is no {path}: name a folder that save_pretrained wrote.")
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(". ")
        raise SavedFolderError(f"{path} is no JSON ({reason}): save or download it again.") from error
    return found if isinstance(found, dict) else {}


def read_saved_weights(place: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The weights of a folder, by their names.

    Raises:
        SavedFolderError: If they are absent or damaged.
    """
    try:
        weights, _ = read_tensor_file(Path(place) / WEIGHTS)
    except (FileNotFoundError, TensorFileError) as error:
        reason = str(error).partition("\n")[0].rstrip(". ")
        raise SavedFolderError(f"{place} is not whole ({reason}): save or download it again.") from error
    return dict(weights)


def saved_checkpoint(place: str | os.PathLike[str]) -> io.BytesIO:
    """What a task loads itself from, with all that its class does on the way.

    Raises:
        SavedFolderError: If the folder is not whole.
    """
    config = read_saved_config(place)
    buffer = io.BytesIO()
    torch.save(
        {
            "state_dict": read_saved_weights(place),
            "hyper_parameters": config.get("hyper_parameters") or {},
            KEY: config.get(KEY),
            # Lightning asks which of its versions wrote the file, to bring older forms up to date.
            "pytorch-lightning_version": "2.6.0",
        },
        buffer,
    )
    buffer.seek(0)
    return buffer

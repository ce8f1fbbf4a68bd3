"""Label graphs and label vectors on disk: tensor files with a few strings."""

from __future__ import annotations

import os

from torch import Tensor

from affectkit.graph.error import LabelGraphError
from affectkit.tensor_file import TensorFileError, read_tensor_file


def read_stored(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and strings of a file.

    Raises:
        LabelGraphError: If it is absent, or not a safetensors file.
    """
    try:
        tensors, note = read_tensor_file(path)
    except (FileNotFoundError, TensorFileError) as error:
        raise LabelGraphError(
            f"{os.fspath(path)} cannot be read as safetensors ({error}): give a file that affectkit wrote."
        ) from error
    return tensors, {name: str(value) for name, value in note.items()}

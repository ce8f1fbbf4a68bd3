"""Tensor files that say what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from affectkit.tensor_file import read_tensor_file, write_tensor_file


def write_tensors(
    path: Path | str, tensors: Mapping[str, Tensor], *, kind: str, about: Mapping[str, object]
) -> int:
    """Write a file of one kind; see :func:`~affectkit.tensor_file.write_tensor_file`.

    Raises:
        ValueError: If ``about`` holds something that JSON cannot.
    """
    return write_tensor_file(path, tensors, {"kind": kind, "about": about})


def read_tensors(path: Path | str, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and what describes them from a file of :func:`write_tensors`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or of another kind.
    """
    tensors, note = read_tensor_file(path)
    about = note.get("about")
    found = note.get("kind") if isinstance(about, dict) else None
    if found != kind or not isinstance(about, dict):
        raise ValueError(
            f"{path} holds {found or 'tensors of unknown use'!r}, not {kind!r}: "
            "give a file that was saved for this."
        )
    return tensors, about

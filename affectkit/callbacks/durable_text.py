"""Files that are whole or absent, and files that only grow."""

from __future__ import annotations

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` beside ``path``, make sure it is on the disk, and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    with partial.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    move_into_place(partial, path)


def partial_path(path: Path) -> Path:
    """Name of the unfinished ``path``, in the same folder so that the move is one step."""
    return path.with_name(f".{path.name}.partial")


def sync_file(path: Path) -> None:
    """Wait until a file that someone else wrote is on the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_into_place(partial: Path, path: Path) -> None:
    """Give a finished file its name, and make the name survive a power cut as well."""
    partial.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def append_text(path: Path, text: str) -> None:
    """Append whole lines in one write, so that a killed process leaves none half."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)

"""Pictures and folders of frames that a row of a list points at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from affectkit.data.sources.row_values import RowValues

_KINDS: Final = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png", ".webp": "webp"}


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture that shards may hold."""
    return path.suffix.lower() in _KINDS and not path.name.startswith(".")


def picture_member(path: Path, row: RowValues) -> dict[str, Path]:
    """The member of a sample for one picture.

    Args:
        path: The picture.
        row: The row that names it.

    Raises:
        SourceError: If there is no such file, it is empty or of a kind that shards do not hold.
    """
    _check_picture(path, row)
    return {_KINDS[path.suffix.lower()]: path}


def frame_members(folder: Path, row: RowValues, *, listed: int | None = None) -> dict[str, Path]:
    """The members ``frame-000.jpg`` and so on of a clip, for the pictures of a folder.

    Frames stand in the order of the numbers in their names, so 10 comes after 9.

    Args:
        folder: The folder of frames.
        row: The row that names the clip.
        listed: How many frames the row states, if it does.

    Raises:
        SourceError: If there is no such folder, it has no frames or another number than listed.
    """
    if not folder.is_dir():
        raise row.wrong(f"there is no folder of frames {folder}; extract the clip's frames to it.")
    frames = sorted(filter(is_picture, folder.iterdir()), key=lambda path: _in_order(path.stem))
    if not frames:
        raise row.wrong(f"the folder {folder} has no frames; extract the clip's frames to it.")
    if listed is not None and len(frames) != listed:
        raise row.wrong(
            f"{folder} has {len(frames)} frames, the list says {listed}; use the official frames."
        )
    for path in frames:
        _check_picture(path, row)
    return {f"frame-{i:03d}.{_KINDS[path.suffix.lower()]}": path for i, path in enumerate(frames)}


def _check_picture(path: Path, row: RowValues) -> None:
    if path.suffix.lower() not in _KINDS:
        kinds = ", ".join(sorted(_KINDS))
        raise row.wrong(f"the picture {path.name!r} is none of {kinds}; convert it.")
    if not path.is_file():
        raise row.wrong(f"the picture {path} is missing; put it there or remove the row.")
    if path.stat().st_size == 0:
        raise row.wrong(f"the picture {path} is empty; extract it anew.")


def _in_order(stem: str) -> list[tuple[int, int, str]]:
    pieces = re.split(r"([0-9]+)", stem)
    return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces if piece]

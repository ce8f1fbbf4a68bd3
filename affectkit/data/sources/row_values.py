"""Values of a row, each checked, with the file and the line to blame when one is wrong."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from affectkit.data.sources.source import SourceError
from affectkit.labels import AffectScale, LabelSpace

_UNSAFE: Final = re.compile(r"[^\w/-]+")


@dataclass(frozen=True, slots=True)
class RowValues:
    """Reads the values of one row.

    Args:
        file: The file that the row stands in.
        line: Its line, counted from 1.
    """

    file: Path
    line: int

    def wrong(self, reason: str) -> SourceError:
        """The error that names this row."""
        return SourceError(self.file, self.line, reason)

    def whole(self, text: str, *, what: str, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``.

        Raises:
            SourceError: If it is none.
        """
        if not re.fullmatch(r"-?[0-9]+", text.strip(), re.ASCII) or not low <= int(text) <= high:
            raise self.wrong(f"the {what} {text!r} is no whole number from {low} to {high}; correct it.")
        return int(text)

    def real(self, text: str, *, what: str) -> float:
        """A finite number.

        Raises:
            SourceError: If it is none.
        """
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.wrong(f"the {what} {text!r} is no finite number; correct it.")
        return value

    def dims(self, texts: list[str], scale: AffectScale) -> list[float | None]:
        """A vector of an affect scale, its marks of absence made None.

        Raises:
            SourceError: If a value is no number or out of range.
        """
        values = [self.real(text, what=axis) for axis, text in zip(scale.axes, texts, strict=True)]
        try:
            return scale.read(values)
        except ValueError as error:
            raise self.wrong(str(error)) from error

    def label(self, text: str, space: LabelSpace) -> int:
        """The index of a label that is given by name.

        Raises:
            SourceError: If the space has no such label.
        """
        found = space.find(text.strip())
        if found is None:
            raise self.wrong(f"the label {text!r} is none of {', '.join(space.labels)}; correct it.")
        return found

    def inside(self, folder: Path, text: str) -> Path:
        """A path that a row gives relative to a folder.

        Raises:
            SourceError: If it is absolute or leaves the folder.
        """
        path = Path(text.replace("\\", "/").strip())
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise self.wrong(f"the path {text!r} leaves {folder}; write it relative to that folder.")
        return folder / path


def safe_key(text: str) -> str:
    """A key of a sample made of a file's name: what a key may not hold becomes ``_``.

    Examples:
        >>> safe_key("train/Ann Lee 01.v2")
        'train/Ann_Lee_01_v2'
    """
    return _UNSAFE.sub("_", text).strip("/")

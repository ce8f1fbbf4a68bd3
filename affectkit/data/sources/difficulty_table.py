"""How hard samples are, from a CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import SourceError


@dataclass(frozen=True, slots=True)
class DifficultyTable:
    """Difficulty of samples by name, e.g. a trained model's loss for each.

    Args:
        file: The CSV that it was read from.
        values: Difficulty by name.
    """

    file: Path
    values: Mapping[str, float]

    @classmethod
    def read(cls, path: Path, *, key: str) -> DifficultyTable:
        """Read a CSV with a column of names and a column ``difficulty``.

        Args:
            path: The file.
            key: Name of the column of names.

        Raises:
            SourceError: If the file is absent, a column is missing, a number is none, or a name stands twice.
        """
        values: dict[str, float] = {}
        for line, fields in csv_rows(path, columns=(key, "difficulty")):
            row, name = RowValues(path, line), fields[key].strip()
            if name in values:
                raise row.wrong(f"the {key} {name!r} stands twice; give each one number.")
            values[name] = row.real(fields["difficulty"], what="difficulty")
        return cls(path, values)

    def of(self, name: str) -> float:
        """Difficulty of one sample.

        Raises:
            SourceError: If the file has none.
        """
        if name not in self.values:
            raise SourceError(self.file, None, f"it has no row for {name!r}; add one for every sample.")
        return self.values[name]

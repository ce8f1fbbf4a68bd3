"""Difficulty that was written into the data."""

from __future__ import annotations

from collections.abc import Mapping


class StoredDifficulty:
    r"""The number that a sample's record holds as ``difficulty``.

    .. math:: d_i = \mathrm{record}_i[\text{difficulty}]

    Pictures, clips, texts and conversations can have one. It is written when shards are made, from a column
    or a file, or by ``affectkit shards difficulty``.

    Examples:
        >>> StoredDifficulty().of_record({"id": "face", "label": 3, "difficulty": 0.25})
        0.25
    """

    def of_record(self, record: Mapping[str, object]) -> float:
        """Difficulty of one sample.

        Raises:
            ValueError: If none was written.
        """
        found = record.get("difficulty")
        if not isinstance(found, int | float):
            raise ValueError("has no stored difficulty: write one with `affectkit shards difficulty`")
        return float(found)

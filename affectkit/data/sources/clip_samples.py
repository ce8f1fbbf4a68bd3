"""Clips that rows of several lists name, each given out once."""

from __future__ import annotations

from pathlib import Path

from affectkit.data.schema import ItemRecord
from affectkit.data.sources.picture_files import frame_members
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import SourceSample


class ClipSamples:
    """Makes samples of clips, and refuses one that another row, of any split, has named before."""

    def __init__(self) -> None:
        self._seen: dict[str, RowValues] = {}

    def sample(
        self, split: str, clip: str, folder: Path, label: int, row: RowValues, *, listed: int | None = None
    ) -> SourceSample:
        """The sample of one clip.

        Args:
            split: Its split.
            clip: Its name.
            folder: The folder of its frames.
            label: Its label.
            row: The row that names it.
            listed: How many frames the row states, if it does.

        Raises:
            SourceError: If the clip was there before or its frames cannot be used.
        """
        key = safe_key(clip)
        if key in self._seen:
            before = self._seen[key]
            raise row.wrong(
                f"the clip {clip!r} was already in row {before.line} of {before.file.name}; remove one."
            )
        self._seen[key] = row
        members = frame_members(folder, row, listed=listed)
        record: ItemRecord = {"id": clip, "label": label, "meta": {"frames": len(members)}}
        return SourceSample(split, key, record, members)

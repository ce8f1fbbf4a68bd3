"""EmoBank: sentences with the mean of several readers' valence, arousal and dominance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.data.sources.source import Source, SourceSample
from affectkit.labels import affect_scale

_SCALE: Final = affect_scale("vad.emobank")
_SPLITS: Final = {"train": "train", "dev": "val", "test": "test"}


def read_emobank(folder: Path) -> Iterator[SourceSample]:
    """Yield the sentences of ``emobank.csv`` in the order of the file; its dev becomes ``val``.

    Args:
        folder: Where the file lies.

    Raises:
        SourceError: If the file or a column is missing, or a row has no id or text, a repeated id, an
            unknown split, or a rating outside 1..5.
    """
    path = folder / "emobank.csv"
    seen: dict[str, int] = {}
    for line, fields in csv_rows(path, columns=("id", "split", "V", "A", "D", "text")):
        row = RowValues(path, line)
        name, text, split = fields["id"].strip(), fields["text"].strip(), fields["split"].strip()
        if not name or not text:
            raise row.wrong("it lacks an id or a text; fill it in.")
        if seen.setdefault(name, line) != line:
            raise row.wrong(f"the id {name!r} was already in row {seen[name]}; remove one of them.")
        if split not in _SPLITS:
            raise row.wrong(f"the split {split!r} is none of {', '.join(_SPLITS)}; correct it.")
        dims = row.dims([fields[axis] for axis in "VAD"], _SCALE)
        yield SourceSample(
            _SPLITS[split], safe_key(name), {"id": name, "label": None, "text": text, "dims": dims}
        )


EMOBANK: Final = Source(
    template=Manifest(
        name="emobank",
        kind="text",
        label_space=None,
        dims=_SCALE,
        licence=Licence("CC-BY-SA-4.0", "open", "Name the authors and share alike."),
        created_by="affectkit shards make emobank SRC OUT",
    ),
    description="EmoBank sentences with valence, arousal and dominance, from emobank.csv",
    read=read_emobank,
)

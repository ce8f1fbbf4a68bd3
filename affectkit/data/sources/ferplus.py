"""FER+: ten people's votes on each face of FER2013, with the faces from either of two packings."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import Licence, Manifest
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.npz_arrays import npz_arrays
from affectkit.data.sources.row_values import RowValues
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import label_space

_SPACE: Final = label_space("ferplus8.official")
_VOTED: Final = label_space("ferplus10.official")
_FER: Final = label_space("fer7.official")
_COLUMNS: Final = (*_VOTED.labels[:-1], "NF")
_USAGES: Final = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
_PACKED: Final = {"train": "train", "valid": "val", "test": "test"}
_SIDE: Final = 48


def read_ferplus(folder: Path) -> Iterator[SourceSample]:
    """Yield the faces with their votes, from ``fer2013.csv`` and ``fer2013new.csv`` or from npz files.

    Where ``fer2013.csv`` lies in the folder it is read, else ``ferplus_{train,valid,test}.npz``, of
    which some may be absent. Every face with a name is kept; one without a majority
    (:func:`majority_label`) has no label, but keeps its votes.

    Args:
        folder: Where the files lie.

    Raises:
        SourceError: If no such file is there, an array or column is missing, the two tables differ
            in length or usage, or a row has unreadable pixels, votes, usage or label.
    """
    if (folder / "fer2013.csv").is_file():
        return _from_tables(folder / "fer2013.csv", folder / "fer2013new.csv")
    packed = {split: folder / f"ferplus_{name}.npz" for name, split in _PACKED.items()}
    found = {split: path for split, path in packed.items() if path.is_file()}
    if not found:
        raise SourceError(
            folder,
            None,
            "neither fer2013.csv nor ferplus_train.npz is there; give the folder of one of them.",
        )
    return (sample for split, path in found.items() for sample in _from_arrays(path, split))


def majority_label(votes: Sequence[int]) -> int | None:
    """The label of a face by FER+'s majority rule, or None where it has none.

    Single votes are taken for slips and left out. Of what remains, one label must have more than
    half, and be an emotion: neither unknown nor no face.

    Args:
        votes: Votes for the ten labels of ``ferplus10.official``.

    References:
        Barsoum, Zhang, Canton Ferrer and Zhang, "Training Deep Networks for Facial Expression
        Recognition with Crowd-Sourced Label Distribution", ICMI 2016, arXiv:1608.01041.

    Examples:
        >>> majority_label([4, 1, 1, 1, 3, 0, 0, 0, 0, 0]), majority_label([4, 0, 0, 0, 4, 0, 0, 0, 0, 0])
        (0, None)
    """
    kept = [vote if vote > 1 else 0 for vote in votes]
    best = max(range(len(kept)), key=kept.__getitem__)
    return best if best < len(_SPACE) and 2 * kept[best] > sum(kept) else None


def _record(name: str, votes: Sequence[int]) -> ItemRecord:
    unknown, no_face = votes[len(_SPACE) :]
    record: ItemRecord = {
        "id": name,
        "label": majority_label(votes),
        "meta": {"unknown_votes": unknown, "no_face_votes": no_face},
    }
    if any(votes[: len(_SPACE)]):
        record["votes"] = [float(vote) for vote in votes[: len(_SPACE)]]
    return record


def _from_tables(faces: Path, tables: Path) -> Iterator[SourceSample]:
    pixels = csv_rows(faces, columns=("emotion", "pixels", "Usage"))
    voted = csv_rows(tables, columns=("Usage", "Image name", *_COLUMNS))
    for left, right in zip_longest(pixels, voted):
        if left is None or right is None:
            short = faces if left is None else tables
            raise SourceError(short, None, "it has fewer rows than the other table; use both as published.")
        row, votes = RowValues(faces, left[0]), RowValues(tables, right[0])
        usage = left[1]["Usage"].strip()
        if usage not in _USAGES:
            raise row.wrong(f"the usage {usage!r} is none of {', '.join(_USAGES)}; correct it.")
        if right[1]["Usage"].strip() != usage:
            raise votes.wrong(f"the usage is not {usage!r} as in {faces.name}; use both tables as published.")
        counts = [votes.whole(right[1][name], what=name, low=0, high=99) for name in _COLUMNS]
        name = right[1]["Image name"].strip().removesuffix(".png")
        if not name:  # FER+ removed a few pictures and left their rows
            continue
        record = _record(name, counts)
        last = len(_FER) - 1
        record["extra"] = {"fer2013": row.whole(left[1]["emotion"], what="emotion", low=0, high=last)}
        yield SourceSample(_USAGES[usage], name, record, {"png": _png(row, left[1]["pixels"])})


def _png(row: RowValues, text: str) -> bytes:
    fields = text.split()
    if len(fields) != _SIDE * _SIDE:
        raise row.wrong(f"it has {len(fields)} pixels instead of {_SIDE * _SIDE}; restore the file.")
    values = [row.whole(field, what="pixel", low=0, high=255) for field in fields]
    buffer = io.BytesIO()
    # Every setting is stated, so that a change of Pillow's defaults does not change the bytes.
    image = Image.fromarray(np.array(values, dtype=np.uint8).reshape(_SIDE, _SIDE))
    image.save(buffer, format="PNG", optimize=False, compress_level=6)
    return buffer.getvalue()


def _from_arrays(path: Path, split: str) -> Iterator[SourceSample]:
    arrays = npz_arrays(path, ("votes", "fer_row"))
    names = tuple(str(name) for name in npz_arrays(path, ("vote_names",))["vote_names"])
    offsets, blob = npz_arrays(path, ("offset",))["offset"], npz_arrays(path, ("blob",))["blob"]
    votes, rows = arrays["votes"], arrays["fer_row"]
    if names != _COLUMNS or votes.shape != (len(rows), len(_COLUMNS)) or len(offsets) != len(rows) + 1:
        raise SourceError(path, None, f"its votes are not over {', '.join(_COLUMNS)}; restore the file.")
    content = blob.tobytes()
    for number in range(len(rows)):
        start, end = int(offsets[number]), int(offsets[number + 1])
        if not 0 <= start < end <= len(content):
            raise SourceError(path, number + 1, "its picture lies outside the blob; restore the file.")
        name = f"fer{int(rows[number]):07d}"
        record = _record(name, [int(vote) for vote in votes[number]])
        yield SourceSample(split, name, record, {"webp": content[start:end]})


FERPLUS: Final = Source(
    template=Manifest(
        name="ferplus",
        kind="image",
        label_space=_SPACE,
        extra_spaces={"fer2013": _FER},
        licence=Licence(
            "MIT", "academic", "The votes are MIT; the faces of FER2013 are real people's, for research use."
        ),
        created_by="affectkit shards make ferplus SRC OUT",
    ),
    description="FER+ faces with votes, from fer2013.csv and fer2013new.csv, or from ferplus_*.npz",
    read=read_ferplus,
)

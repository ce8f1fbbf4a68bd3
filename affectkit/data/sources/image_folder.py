"""A folder of pictures with one folder for each label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import Licence, LicenceClass, Manifest
from affectkit.data.sources.difficulty_table import DifficultyTable
from affectkit.data.sources.picture_files import is_picture
from affectkit.data.sources.row_values import safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.data.sources.split_names import split_of
from affectkit.labels import LabelSpace, label_space


def read_image_folder(
    folder: Path, *, space: LabelSpace, difficulty: DifficultyTable | None = None
) -> Iterator[SourceSample]:
    """Yield the pictures of ``SPLIT/LABEL/`` or, without folders of splits, of ``LABEL/``.

    Labels are matched by name, so the order of the folders means nothing; ``happy`` and ``joy``
    both find happiness. Pictures may lie in folders below; without splits all are ``train``.

    Args:
        folder: The folder of splits, or of labels.
        space: The label space of the names.
        difficulty: How hard pictures are, by their path from ``folder`` on.

    Raises:
        SourceError: If there is no picture, a folder is no label of the space, a picture is empty, or the
            table of difficulties lacks one.
    """
    empty = True
    for split, place in _splits(folder):
        for named in _folders(place):
            label = space.find(named.name)
            if label is None:
                raise SourceError(
                    named, None, f"its name is none of {', '.join(space.labels)}; rename it or move it away."
                )
            for path in sorted(named.rglob("*")):
                if not path.is_file() or not is_picture(path):
                    continue
                empty = False
                name = path.relative_to(place).as_posix()
                if path.stat().st_size == 0:
                    raise SourceError(path, None, "the picture is empty; restore it or remove it.")
                # The kind is part of the key, because a.jpg and a.png are two pictures.
                members = {path.suffix.lower().removeprefix("."): path}
                record: ItemRecord = {"id": name, "label": label}
                if difficulty is not None:
                    record["difficulty"] = difficulty.of(path.relative_to(folder).as_posix())
                yield SourceSample(split, safe_key(name), record, members)
    if empty:
        raise SourceError(folder, None, "it holds no picture in LABEL/ or SPLIT/LABEL/; give that folder.")


def folder_labels(folder: Path) -> tuple[str, ...]:
    """The names of the folders of labels, sorted, over all splits."""
    return tuple(sorted({named.name for _, place in _splits(folder) for named in _folders(place)}))


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _splits(folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        raise SourceError(folder, None, "it is no folder; give the folder of the pictures.")
    folders = _folders(folder)
    splits = [(split, path) for path in folders if (split := split_of(path.name)) is not None]
    if not splits:
        return [("train", folder)]
    if len(splits) != len(folders):
        other = next(path for path in folders if split_of(path.name) is None)
        raise SourceError(other, None, "it lies beside folders of splits and is none; move it away.")
    return splits


def _configured(folder: Path, options: Mapping[str, str]) -> Source:
    name = options.get("name", "imagefolder")
    if "label_space" in options:
        space = label_space(options["label_space"])
        if space.kind != "categorical":
            raise ShardError(f"The label space {space.name!r} is multi-label: a picture lies in one folder.")
    else:
        labels = folder_labels(folder)
        try:
            space = LabelSpace(f"folders{len(labels)}.alphabetical", labels)
        except ValueError as error:
            raise SourceError(folder, None, f"its folders are no labels ({error}); rename them.") from error
    licence = Licence("unstated", cast(LicenceClass, options.get("licence", "unknown")))
    template = replace(IMAGE_FOLDER.template, name=name, label_space=space, licence=licence)
    table = DifficultyTable.read(Path(options["difficulty"]), key="path") if "difficulty" in options else None
    read = partial(read_image_folder, space=space, difficulty=table)
    return replace(IMAGE_FOLDER, template=template, read=read)


def _alphabetical(folder: Path) -> Iterator[SourceSample]:
    return _configured(folder, {}).read(folder)


IMAGE_FOLDER: Final = Source(
    template=Manifest(
        name="imagefolder",
        kind="image",
        label_space=None,
        licence=Licence("unstated", "unknown"),
        created_by="affectkit shards make imagefolder SRC OUT",
    ),
    description="your own pictures in LABEL/ or SPLIT/LABEL/",
    read=_alphabetical,
    options={
        "label_space": "registered name (default: the folders' names, sorted)",
        "difficulty": "a CSV with the columns path (from SRC on) and difficulty, for a curriculum",
        "name": "name of the data set (default: imagefolder)",
        "licence": "class of the terms: open, academic, non-commercial or unknown (default)",
    },
    configure=_configured,
)

"""Files, folders and data sets to what is predicted of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from affectkit.data.shards import MANIFEST_NAME, SampleKind, read_manifest
from affectkit.data.store import SampleStore, open_store
from affectkit.predict.error import PredictError
from affectkit.predict.item import PredictItem
from affectkit.predict.passed_over import passed_over, passed_over_text


class ItemKind(NamedTuple):
    """What a predictor takes.

    Attributes:
        thing: One of them, e.g. ``"picture"``.
        things: Several.
        stored: Kind of such samples, as a manifest states it.
        files: What the names of files end in, as a sentence has it, e.g. ``"jpg, png or webp"``.
        belongs: Whether the name of a file in a folder is that of such a file.
        items: A file that was named, or found in a folder, to its items.
        region: What is shown of a sample of shards.
        view: Further look on a store, e.g. one that counts utterances.
    """

    thing: str
    things: str
    stored: SampleKind
    files: str
    belongs: Callable[[Path], bool]
    items: Callable[[Path], Sequence[PredictItem]]
    region: str
    view: Callable[[SampleStore], SampleStore] | None = None


def find_items(
    paths: Iterable[str | os.PathLike[str]], kind: ItemKind, *, split: str = "test"
) -> list[PredictItem]:
    """Files as they are named, those of a kind below folders, sorted, and the samples of shards.

    A file of another kind is kept, since its row then says so; in a folder it is passed over.

    Args:
        paths: Files, folders, or folders of shards.
        kind: What is looked for.
        split: Split of the shards.

    Raises:
        PredictError: If there is no such place, a folder holds nothing of the kind, or nothing is named.
        ShardError: If shards are damaged.
    """
    found: list[PredictItem] = []
    for path in map(Path, paths):
        if path.is_file():
            found += kind.items(path)
        elif (path / MANIFEST_NAME).is_file():
            found += _stored(path, kind, split)
        elif path.is_dir():
            files = [each for each in sorted(path.rglob("*")) if each.is_file() and kind.belongs(each)]
            if not files:
                others = passed_over_text(passed_over([path]))
                there = f" (of other files {others})" if others else ""
                raise PredictError(f"The folder {path} holds no {kind.files}{there}: name another one.")
            for each in files:
                found += kind.items(each)
        else:
            raise PredictError(f"There is no file or folder {path}: correct the path.")
    if not found:
        raise PredictError(f"No {kind.thing} was named: give files or folders.")
    return found


def _stored(root: Path, kind: ItemKind, split: str) -> list[PredictItem]:
    manifest = read_manifest(root)
    if manifest.kind != kind.stored or split not in manifest.splits:
        raise PredictError(
            f"The data set {root} holds {manifest.kind!r} in {', '.join(manifest.splits)}, and "
            f"{kind.things} in {split!r} were asked for: name a set of the kind {kind.stored!r} and "
            "one of its splits."
        )
    opened = open_store(root, split)
    store = opened if kind.view is None else kind.view(opened)
    return [
        PredictItem(f"{split}/{store.key(place)}", kind.region, partial(store.get, place))
        for place in range(len(store))
    ]

"""Writing how hard each sample is into a copy of a data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, cast

from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError, canonical_json
from affectkit.data.shards import (
    ItemLabels,
    Manifest,
    ShardWriter,
    build_folder,
    item_labels,
    read_manifest,
    shard_name,
    write_manifest,
)
from affectkit.data.store.difficulty_labels import check_difficulty_labels
from affectkit.data.store.open_store import open_store
from affectkit.data.store.protocol import SampleStore
from affectkit.data.store.record_difficulties import record_difficulty, stored_record
from affectkit.types import Difficulty, RecordDifficulty


def add_difficulties(
    src: str | os.PathLike[str],
    out: str | os.PathLike[str],
    difficulty: Difficulty | RecordDifficulty | Mapping[str, float],
    *,
    splits: Sequence[str] | None = None,
    jobs: int = 1,
    overwrite: bool = False,
    on_shard: Callable[[str], None] | None = None,
) -> Manifest:
    """Copy a data set to ``out`` with a difficulty in the record of each sample.

    :class:`affectkit.curriculum.StoredDifficulty` reads it back. Everything else is copied byte for byte.
    The result has the same bytes however many processes made it, and after an error or a kill nothing
    lies at ``out``.

    Args:
        src: Folder of shards, or the LMDB built from them.
        out: Folder to make.
        difficulty: How hard a sample is, or the numbers by the samples' keys.
        splits: Splits whose samples get one; None = all. The others are copied as they are.
        jobs: Processes that write. With more than one they are spawned, so a script that calls this
            needs the usual ``if __name__ == "__main__":``.
        overwrite: Replace the data set that lies at ``out``.
        on_shard: Called with the name of every shard that was written, e.g. for a progress bar.

    Returns:
        The manifest of the new data set.

    Raises:
        LabelSpaceMismatchError: If the rule names a label space of another order.
        ShardError: If a sample has no difficulty or is damaged, a split is unknown, or ``out`` exists.
    """
    source = read_manifest(src)
    chosen = source.splits if splits is None else tuple(splits)
    unknown = sorted(set(chosen) - set(source.splits))
    if jobs < 1 or unknown or Path(out).resolve() == Path(src).resolve():
        reason = f"{jobs} jobs" if jobs < 1 else f"the split {unknown[0]!r}" if unknown else f"{out} itself"
        raise ShardError(
            f"Difficulties cannot be written for {src} with {reason}: give 1 job or more, splits among "
            f"{', '.join(source.splits)}, and another folder to make."
        )
    if not isinstance(difficulty, Mapping):
        check_difficulty_labels(difficulty, source.label_space, data=repr(source.name))
    name = "a table" if isinstance(difficulty, Mapping) else type(difficulty).__name__
    template = replace(
        source,
        shards=(),
        created_by=f"difficulty by {name} of {', '.join(chosen)}, after: {source.created_by}",
    )
    with build_folder(out, overwrite=overwrite) as folder:
        pieces = [
            _Piece(store, number, stop - count, stop, difficulty if split in chosen else None)
            for split in source.splits
            for store in [open_store(src, split)]
            for number, (count, stop) in enumerate(_stops(store.counts))
        ]
        for path in _written(pieces, folder, template, jobs=jobs):
            if on_shard is not None:
                on_shard(path)
        return write_manifest(folder, template)


class _Piece(NamedTuple):
    """One shard that is to be written: samples ``start`` to ``stop - 1`` of a split; pickles."""

    store: SampleStore
    number: int
    start: int
    stop: int
    difficulty: Difficulty | RecordDifficulty | Mapping[str, float] | None

    def write(self, folder: Path, template: Manifest) -> str:
        split = self.store.split
        path = folder / shard_name(split, self.number)
        with ShardWriter(path, split, num_classes=template.num_classes) as writer:
            for position in range(self.start, self.stop):
                members: dict[str, bytes | memoryview] = dict(self.store.get(position))
                where = self.store.describe(position)
                record = stored_record(self.store.get(position), kind=template.kind, where=where)
                if self.difficulty is not None:
                    record["difficulty"] = self._of(position, record, where)
                    members["json"] = canonical_json(record)
                writer.add(self.store.key(position), members, labels=_labels(record))
        return path.name

    def _of(self, position: int, record: ConversationRecord | ItemRecord, where: str) -> float:
        if not isinstance(self.difficulty, Mapping):
            assert self.difficulty is not None
            return record_difficulty(record, self.difficulty, label_map=None, where=where)
        key = self.store.key(position)
        if key not in self.difficulty:
            raise ShardError(f"{where} is not in the table of difficulties: add a row for every sample.")
        return float(self.difficulty[key])


def _stops(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    stop = 0
    for count in counts:
        stop += count
        if count:
            yield count, stop


def _labels(record: ConversationRecord | ItemRecord) -> list[ItemLabels]:
    if "utterances" in record:
        return [turn["label"] for turn in cast(ConversationRecord, record)["utterances"]]
    return [item_labels(record)]


def _written(pieces: Sequence[_Piece], folder: Path, template: Manifest, *, jobs: int) -> Iterator[str]:
    if jobs == 1 or len(pieces) < 2:
        for piece in pieces:
            yield piece.write(folder, template)
        return
    # Spawned, not forked: a fork of a process that has used torch's threads may hang.
    with ProcessPoolExecutor(min(jobs, len(pieces)), mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(piece.write, folder, template) for piece in pieces]):
                yield done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

"""From published files to shards."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from affectkit.data.schema import ShardError
from affectkit.data.shards import Manifest, build_folder, write_manifest
from affectkit.data.sources.part_workers import write_parts
from affectkit.data.sources.source import Source, SourceError
from affectkit.data.sources.source_part import split_into_parts


class UnverifiedLayoutWarning(UserWarning):
    """A source reads a layout that nobody has compared with its documentation."""


def make_dataset(
    source: Source,
    folder: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    options: Mapping[str, str] | None = None,
    overwrite: bool = False,
    shard_samples: int = 1000,
    jobs: int = 1,
    on_sample: Callable[[str, str], None] | None = None,
) -> Manifest:
    """Convert the files in ``folder`` into a data set of shards at ``out``.

    Equal files give equal bytes, with any number of jobs. After an error nothing is left at
    ``out``. After a kill or an interruption the finished shards wait in ``.OUT.making`` beside it;
    the same call takes those that still fit their files, and writes the others.

    Args:
        source: Which layout the files have, e.g. ``find_source("meld")``.
        folder: Where the files lie, or the one file where the source takes one.
        out: The folder to make.
        options: Options of the source, by name.
        overwrite: Replace the data set that lies at ``out``.
        shard_samples: Samples in one shard, at most.
        jobs: Processes that write.
        on_sample: Called with split and key of every sample that is written, a shard at a time, e.g.
            for a progress bar.

    Returns:
        The manifest of the new data set.

    Raises:
        SourceError: If a file or row is not as published.
        ShardError: If ``out`` exists and must not be replaced, or an option is not allowed.
    """
    if jobs < 1:
        raise ShardError(f"{jobs} jobs cannot write shards: use 1 or more.")
    place = Path(folder)
    if not place.exists():
        raise SourceError(place, None, "there is no such folder; give the one that holds the files.")
    if not source.verified:
        warnings.warn(
            f"The source {source.template.name!r} is unverified: its layout was never compared with the "
            "documentation or real files, so compare the counts below with the published ones.",
            UnverifiedLayoutWarning,
            stacklevel=2,
        )
    with build_folder(out, overwrite=overwrite, resumable=True) as building:
        for left in building.glob(".*"):
            left.unlink()
        chosen = source.configured(place, options or {})
        names: set[str] = set()
        parts = split_into_parts(chosen.read(place), shard_samples=shard_samples)
        for part in write_parts(parts, building, chosen.template, jobs=jobs):
            names.add(part.name)
            if on_sample is not None:
                for sample in part.samples:
                    on_sample(sample.split, sample.key)
        kept = {name + end for name in names for end in ("", ".idx")}
        for path in building.iterdir():
            if path.name not in kept:
                path.unlink()
        manifest = write_manifest(building, chosen.template)
    return manifest

"""From published files to shards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from affectkit.data.shards import DatasetWriter, Manifest
from affectkit.data.sources.source import Source, SourceError


def make_dataset(
    source: Source,
    folder: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    overwrite: bool = False,
    shard_samples: int = 1000,
    on_sample: Callable[[str, str], None] | None = None,
) -> Manifest:
    """Convert the files in ``folder`` into a data set of shards at ``out``.

    Equal files give equal bytes. After an error nothing is left at ``out``.

    Args:
        source: Which layout the files have, e.g. ``find_source("meld")``.
        folder: Where the files lie.
        out: The folder to make.
        overwrite: Replace the data set that lies at ``out``.
        shard_samples: Samples in one shard, at most.
        on_sample: Called with split and key of every sample, e.g. for a progress bar.

    Returns:
        The manifest of the new data set.

    Raises:
        SourceError: If a file or row is not as published.
        ShardError: If ``out`` exists and must not be replaced.
    """
    if not Path(folder).is_dir():
        raise SourceError(Path(folder), None, "there is no such folder; give the one that holds the files.")
    writer = DatasetWriter(out, source.template, overwrite=overwrite, shard_samples=shard_samples)
    with writer:
        for sample in source.read(Path(folder)):
            writer.add_conversation(sample.split, sample.key, sample.record)
            if on_sample is not None:
                on_sample(sample.split, sample.key)
    return writer.manifest

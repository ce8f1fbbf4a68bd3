"""The only module that touches webdataset: its stages, without its openers and decoders."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeVar

from affectkit.data.schema import MEMBER_EXTENSIONS, ShardError

T = TypeVar("T")


def stream_samples(file: BinaryIO, *, where: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Key and members of the samples in a tar, read from front to back.

    webdataset is handed an open file, never an address, so nothing that it could run is reached; and
    members whose kind is not on the allow-list are passed over unread.

    Args:
        file: The tar.
        where: Names it in errors.

    Raises:
        ShardError: If the tar is damaged.
    """
    from webdataset.tariterators import group_by_keys, tar_file_expander

    try:
        for sample in group_by_keys(tar_file_expander([{"url": where, "stream": file}])):
            kinds = {ext: ext.rpartition(".")[2] for ext in sample}
            yield sample["__key__"], {ext: sample[ext] for ext in kinds if kinds[ext] in MEMBER_EXTENSIONS}
    except (tarfile.TarError, EOFError, ValueError) as error:
        if isinstance(error, ShardError):
            raise
        raise ShardError(f"{where} is damaged ({error}): restore it or make it anew.") from error


def shuffled(items: Iterable[T], *, buffer: int, seed: str) -> Iterator[T]:
    """Items in an order that is mixed within a buffer of so many."""
    from webdataset import shuffle

    mixed: Iterator[T] = shuffle(buffer, initial=buffer, rng=random.Random(seed))(iter(items))
    return mixed

"""The unit of work of a conversion: the samples of one shard."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from affectkit.atomic_file import write_atomically
from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError, canonical_json
from affectkit.data.shards import (
    Manifest,
    ShardWriter,
    encode_conversation,
    encode_item,
    encode_tensors,
    read_entry,
    shard_name,
)
from affectkit.data.sources.source import SourceError, SourceSample

_TAR_BLOCKS = 1024  # a header and, on average, half a block of padding, rounded up


@dataclass(frozen=True, slots=True)
class SourcePart:
    """Samples that become one shard, whoever writes it and whenever.

    Args:
        split: Their split.
        number: Number of the shard in it.
        samples: The samples, in order.
    """

    split: str
    number: int
    samples: tuple[SourceSample, ...]

    @property
    def name(self) -> str:
        """File name of the shard."""
        return shard_name(self.split, self.number)

    def digest(self, template: Manifest) -> str:
        """A digest of what the shard's content depends on; files count by path, size and time."""
        found = hashlib.sha256(template.to_json())
        for sample in self.samples:
            pieces: list[bytes] = [sample.key.encode(), canonical_json(sample.record)]
            for ext, content in sorted(sample.members.items()):
                pieces.append(ext.encode())
                if isinstance(content, bytes):
                    pieces.append(content)
                else:
                    state = _state(content)
                    pieces.append(f"{content} {state.st_size} {state.st_mtime_ns}".encode())
            pieces.append(encode_tensors(sample.features) if sample.features else b"")
            for piece in pieces:
                # Lengths keep two pieces from being taken for one.
                found.update(struct.pack("<Q", len(piece)))
                found.update(piece)
        return found.hexdigest()

    def write(self, folder: Path, template: Manifest) -> None:
        """Write the shard into ``folder``, unless it is there from before and still right.

        Raises:
            SourceError: If a file cannot be read.
            ShardError: If a sample does not fit the template.
        """
        path, mark = folder / self.name, folder / f"{self.name}.made"
        digest = self.digest(template).encode()
        if mark.is_file() and mark.read_bytes() == digest and _is_whole(path):
            return
        mark.unlink(missing_ok=True)
        with ShardWriter(path, self.split, num_classes=template.num_classes) as writer:
            for sample in self.samples:
                members = {ext: _content(content) for ext, content in sample.members.items()}
                if template.kind == "conversation":
                    encoded = encode_conversation(
                        cast(ConversationRecord, sample.record),
                        template,
                        where=f"Conversation {sample.key!r}",
                        features=sample.features,
                        members=members,
                    )
                else:
                    encoded = encode_item(
                        cast(ItemRecord, sample.record),
                        template,
                        where=f"Sample {sample.key!r}",
                        features=sample.features,
                        members=members,
                    )
                writer.add(sample.key, encoded.members, labels=encoded.labels)
        write_atomically(mark, digest)


def split_into_parts(
    samples: Iterable[SourceSample], *, shard_samples: int, shard_bytes: int = 256 * 2**20
) -> Iterator[SourcePart]:
    """Cut the samples of each split into parts; the cuts depend on the samples alone.

    Args:
        samples: The samples of a source.
        shard_samples: Samples in a part, at most.
        shard_bytes: A part ends with the sample that reaches about this size.

    Raises:
        ShardError: If a limit is below one.
        SourceError: If a file is missing.
    """
    if shard_samples < 1 or shard_bytes < 1:
        raise ShardError("A shard must hold at least one sample and one byte: use larger limits.")
    waiting: dict[str, list[SourceSample]] = {}
    sizes: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for sample in samples:
        split = sample.split
        part = waiting.setdefault(split, [])
        part.append(sample)
        sizes[split] = sizes.get(split, 0) + _size(sample)
        if len(part) >= shard_samples or sizes[split] >= shard_bytes:
            yield SourcePart(split, numbers.setdefault(split, 0), tuple(part))
            numbers[split] += 1
            del waiting[split], sizes[split]
    for split, part in waiting.items():
        yield SourcePart(split, numbers.get(split, 0), tuple(part))


def _size(sample: SourceSample) -> int:
    size = _TAR_BLOCKS
    for content in sample.members.values():
        size += _TAR_BLOCKS + (len(content) if isinstance(content, bytes) else _state(content).st_size)
    return size + sum(tensor.nbytes for tensor in sample.features.values())


def _state(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error


def _content(content: bytes | Path) -> bytes:
    if isinstance(content, bytes):
        return content
    try:
        return content.read_bytes()
    except OSError as error:
        raise _unreadable(content, error) from error


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(path, None, f"it cannot be read ({error.strerror}); put it there.")


def _is_whole(path: Path) -> bool:
    try:
        read_entry(path)
    except (ShardError, OSError):
        return False
    return True

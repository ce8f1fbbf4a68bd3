"""Writing a whole data set: shards of every split, then the manifest, then the swap into place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor

from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError
from affectkit.data.shards.build_folder import build_folder
from affectkit.data.shards.encode_record import encode_conversation, encode_item
from affectkit.data.shards.item_check import ItemLabels
from affectkit.data.shards.join_shards import write_manifest
from affectkit.data.shards.manifest import Manifest
from affectkit.data.shards.names import shard_name
from affectkit.data.shards.shard_writer import ShardWriter


class DatasetWriter:
    """Writes samples of any split, in any order of splits, and swaps the finished set into place.

    Used as a context manager: at the end ``out`` appears as a whole; after an error nothing does.

    Args:
        out: The folder to make.
        template: A manifest with everything but the shards.
        overwrite: Replace the data set that lies at ``out``.
        shard_samples: Begin a new shard after this many samples.
        shard_bytes: Begin a new shard after this many bytes.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.

    Examples:
        >>> from affectkit.data.shards import Licence, Manifest, open_shards
        >>> template = Manifest(
        ...     name="notes", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="me"
        ... )
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with DatasetWriter(f"{folder}/notes", template) as writer:
        ...         writer.add("train", "first", {"txt": b"hello"})
        ...     bytes(open_shards(f"{folder}/notes", "train").get(0)["txt"])
        b'hello'
    """

    def __init__(
        self,
        out: str | os.PathLike[str],
        template: Manifest,
        *,
        overwrite: bool = False,
        shard_samples: int = 1000,
        shard_bytes: int = 256 * 2**20,
    ) -> None:
        if shard_samples < 1 or shard_bytes < 1:
            raise ShardError("A shard must hold at least one sample and one byte: use larger limits.")
        self.out = Path(out)
        self.template = template
        self.overwrite = overwrite
        self.shard_samples = shard_samples
        self.shard_bytes = shard_bytes
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._open: dict[str, ShardWriter] = {}
        self._numbers: dict[str, int] = {}
        self._manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """The finished manifest.

        Raises:
            ShardError: If the writer has not been left yet.
        """
        if self._manifest is None:
            raise ShardError(f"The manifest of {self.out} is written last: leave the `with` block first.")
        return self._manifest

    def add(
        self,
        split: str,
        key: str,
        members: Mapping[str, bytes | memoryview],
        *,
        labels: Sequence[ItemLabels] = (None,),
    ) -> None:
        """Append one sample to a split; see :meth:`ShardWriter.add`.

        Raises:
            ShardError: If the split, the key, a member or a label is refused.
        """
        writer = self._open.get(split)
        if writer is None:
            if self._folder is None:
                raise ShardError(f"The writer of {self.out} is not open: use it in a `with` block.")
            number = self._numbers.get(split, 0)
            path = self._folder / shard_name(split, number)
            writer = self._open[split] = ShardWriter(path, split, num_classes=self.template.num_classes)
            self._numbers[split] = number + 1
        writer.add(key, members, labels=labels)
        if writer.samples >= self.shard_samples or writer.bytes >= self.shard_bytes:
            self._open.pop(split).close()

    def add_conversation(
        self,
        split: str,
        key: str,
        record: ConversationRecord,
        *,
        features: Mapping[str, Tensor] | None = None,
        members: Mapping[str, bytes | memoryview] | None = None,
    ) -> None:
        """Append one conversation, checked against the template.

        Args:
            split: Its split.
            key: Its key.
            record: Its structure, written as ``KEY.json``.
            features: (U, D) tensor by modality, and ``NAME.present`` (U,) where some are missing.
            members: Further members, e.g. ``{"face-000.png": ...}``.

        Raises:
            ShardError: If the record, a label or a feature does not fit the template.
        """
        encoded = encode_conversation(
            record,
            self.template,
            where=f"Conversation {key!r}",
            features=features or {},
            members=members or {},
        )
        self.add(split, key, encoded.members, labels=encoded.labels)

    def add_item(
        self,
        split: str,
        key: str,
        record: ItemRecord,
        *,
        features: Mapping[str, Tensor] | None = None,
        members: Mapping[str, bytes | memoryview] | None = None,
    ) -> None:
        """Append one sample that is no conversation, checked against the template.

        Args:
            split: Its split.
            key: Its key.
            record: Its annotation, written as ``KEY.json``.
            features: (D,) or (T, D) tensor by modality.
            members: Its media, e.g. ``{"jpg": ...}``.

        Raises:
            ShardError: If the record, a label or a feature does not fit the template.
        """
        encoded = encode_item(
            record, self.template, where=f"Sample {key!r}", features=features or {}, members=members or {}
        )
        self.add(split, key, encoded.members, labels=encoded.labels)

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(build_folder(self.out, overwrite=self.overwrite))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        folder, self._folder = self._folder, None
        writers, self._open = list(self._open.values()), {}
        with self._stack:
            if error is not None or folder is None:
                for writer in writers:
                    writer.discard()
                # Raised inside the stack, so that the folder is removed and not swapped in.
                if error is not None:
                    raise error
                return
            for writer in writers:
                writer.close()
            self._manifest = write_manifest(folder, self.template)

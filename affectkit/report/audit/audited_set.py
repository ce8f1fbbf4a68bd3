"""The data sets of an audit, opened, and their splits numbered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from affectkit.data.shards import ItemLabels, Manifest, read_manifest
from affectkit.data.store import SampleStore, open_store
from affectkit.labels import canonical
from affectkit.report.audit.audit_error import AuditError


@dataclass(frozen=True, slots=True)
class AuditedSet:
    """One data set under the name that it has in the report."""

    name: str
    manifest: Manifest

    def label_digest(self, labels: ItemLabels) -> int:
        """64 bits for what an item is labelled, equal for other spellings and orders; 0 for None."""
        if labels is None:
            return 0
        numbers = labels if isinstance(labels, tuple) else (labels,)
        text = "\n".join(sorted(self._label_name(number) for number in numbers))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") | 1

    def _label_name(self, number: int) -> str:
        space = self.manifest.label_space
        return str(number) if space is None or number >= len(space) else canonical(space.labels[number])

    @property
    def label_family(self) -> tuple[str, ...]:
        """Equal for sets whose labels can be compared: those of the same labels in any order."""
        space = self.manifest.label_space
        return (self.name,) if space is None else (space.kind, *sorted(canonical(name) for name in space))

    def unit_dims(self, values: Sequence[float | None] | None, axes: Sequence[str]) -> tuple[float, ...]:
        """The dimensions of an item as shares of their range, for every axis of the audit."""
        scale = self.manifest.dims
        if scale is None or values is None:
            return (float("nan"),) * len(axes)
        read = dict(zip(scale.axes, scale.read(values), strict=True))
        width = scale.high - scale.low
        stated = (read.get(axis) for axis in axes)
        return tuple(float("nan") if value is None else (value - scale.low) / width for value in stated)


@dataclass(frozen=True, slots=True)
class Place:
    """One split of one data set."""

    set: AuditedSet
    split: str
    store: SampleStore

    @property
    def name(self) -> str:
        """``NAME/SPLIT``."""
        return f"{self.set.name}/{self.split}"

    def item_name(self, position: int, turn: int) -> str:
        """Names a sample, or an utterance of it, in the report."""
        key = f"{self.name}/{self.store.key(position)}"
        return key if turn < 0 else f"{key}#{turn}"


def open_sets(roots: Sequence[str | os.PathLike[str]]) -> list[Place]:
    """Open every split of every data set.

    Two data sets of one name are told apart by the names of their folders, so that no path of the
    machine gets into a report.

    Raises:
        AuditError: If none is given, or one of them twice.
        ShardError: If one is absent or damaged.
        RemoteError: If one cannot be brought.
    """
    if not roots:
        raise AuditError("An audit needs a data set: give the folder of one.")
    manifests = [read_manifest(root) for root in roots]
    names = [manifest.name for manifest in manifests]
    shown = [
        name if names.count(name) == 1 else f"{name} ({PurePosixPath(os.fspath(root)).name})"
        for name, root in zip(names, roots, strict=True)
    ]
    for name in shown:
        if shown.count(name) > 1:
            raise AuditError(f"Two folders hold a data set {name!r}: give each once, and rename one of them.")
    return [
        Place(AuditedSet(name, manifest), split, open_store(root, split))
        for root, name, manifest in zip(roots, shown, manifests, strict=True)
        for split in manifest.splits
    ]

"""The manifest: what a data set of shards holds, in which label order, and how to know it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal, cast, get_args

from affectkit.data.remote import RemoteFolder, is_remote
from affectkit.data.schema import ShardError, canonical_json, parse_json
from affectkit.data.shards.json_fields import JsonFields
from affectkit.data.shards.licence import Licence, LicenceClass
from affectkit.data.shards.names import check_split
from affectkit.labels import AffectScale, LabelSpace

FORMAT_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"
_PLAIN_TAR: Final = re.compile(r"[^./\\\x00][^/\\\x00]*\.tar")  # no folder: a manifest is not trusted
SampleKind = Literal["conversation", "image", "clip", "audio", "text", "features"]


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One modality's features: width, element type and the encoder that made them."""

    dim: int
    dtype: str
    encoder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEntry:
    """One shard: its samples, its items (utterances of a conversation, else samples), its bytes.

    ``class_counts`` counts labelled items in the order of the label space.
    """

    name: str
    split: str
    samples: int
    items: int
    bytes: int
    sha256: str
    index_sha256: str = ""
    class_counts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not _PLAIN_TAR.fullmatch(self.name):
            raise ShardError(f"The shard name {self.name!r} is not a plain NAME.tar: make the manifest anew.")
        check_split(self.split)
        if min(self.samples, self.items, self.bytes, *self.class_counts, 0) < 0:
            raise ShardError(f"Shard {self.name} states a negative count: make the manifest anew.")

    @property
    def index_name(self) -> str:
        """File name of the sidecar index."""
        return f"{self.name}.idx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a folder of shards holds.

    Args:
        name: Name of the data set, e.g. ``"meld"``.
        kind: What one sample is.
        label_space: Names and order of the labels on disk, or None where there are none.
        extra_spaces: Label spaces of further targets, by name.
        dims: Affect scale of the dimensional targets, or None.
        features: Modalities stored in ``KEY.safetensors``.
        licence: Terms of use.
        synthetic: Whether the samples were generated rather than recorded.
        created_by: The command that made it, without any path of the machine.
        shards: Every shard of every split, by name; empty in a template for a writer.
        version: Version of the format.

    Raises:
        ShardError: If a shard is listed twice or its class counts do not fit the label space.
    """

    name: str
    kind: SampleKind
    label_space: LabelSpace | None
    licence: Licence
    created_by: str
    extra_spaces: Mapping[str, LabelSpace] = field(default_factory=dict)
    dims: AffectScale | None = None
    features: Mapping[str, FeatureSpec] = field(default_factory=dict)
    synthetic: bool = False
    shards: tuple[ShardEntry, ...] = ()
    version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.kind not in get_args(SampleKind):
            raise ShardError(
                f"The kind {self.kind!r} of data set {self.name!r} is unknown: "
                f"use one of {', '.join(get_args(SampleKind))}."
            )
        names = [entry.name for entry in self.shards]
        if len(set(names)) != len(names):
            raise ShardError(f"The manifest of {self.name!r} lists a shard twice: make the manifest anew.")
        for entry in self.shards:
            if len(entry.class_counts) != self.num_classes:
                raise ShardError(
                    f"Shard {entry.name} counts {len(entry.class_counts)} classes, but the label space of "
                    f"{self.name!r} has {self.num_classes}: make the shards anew in one label space."
                )

    @property
    def num_classes(self) -> int:
        """Number of labels, 0 without a label space."""
        return 0 if self.label_space is None else len(self.label_space)

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that have a shard; train, val and test first."""
        known = {"train": 0, "val": 1, "test": 2}
        return tuple(sorted({e.split for e in self.shards}, key=lambda split: (known.get(split, 3), split)))

    @property
    def class_counts(self) -> dict[str, tuple[int, ...]]:
        """Labelled items per split, in the order of the label space."""
        return {
            split: tuple(map(sum, zip(*(e.class_counts for e in self.split_shards(split)), strict=True)))
            for split in self.splits
        }

    def split_shards(self, split: str) -> tuple[ShardEntry, ...]:
        """Shards of one split, in order.

        Raises:
            ShardError: If there is no such split.
        """
        found = tuple(entry for entry in self.shards if entry.split == split)
        if not found:
            raise ShardError(
                f"Data set {self.name!r} has no split {split!r}: it has {', '.join(self.splits) or 'none'}."
            )
        return found

    def fingerprint(self, split: str) -> str:
        """A hash over the checksums of a split's shards, equal for equal content.

        Raises:
            ShardError: If there is no such split.
        """
        lines = (f"{entry.name} {entry.sha256}" for entry in self.split_shards(split))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def to_json(self) -> bytes:
        """Indented JSON that is equal for equal manifests."""
        value = {
            "format": "affectkit-shards",
            "version": self.version,
            "name": self.name,
            "kind": self.kind,
            "label_space": None if self.label_space is None else self.label_space.to_dict(),
            "extra_spaces": {name: space.to_dict() for name, space in self.extra_spaces.items()},
            "dims": None if self.dims is None else self.dims.to_dict(),
            "features": {name: asdict(spec) for name, spec in self.features.items()},
            "licence": asdict(self.licence),
            "synthetic": self.synthetic,
            "created_by": self.created_by,
            "class_counts": self.class_counts,
            "shards": [asdict(entry) for entry in self.shards],
        }
        plain: object = json.loads(canonical_json(value))
        return (json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")

    @classmethod
    def from_json(cls, data: bytes, *, where: str = "the manifest") -> Manifest:
        """Parse and check a manifest.

        Raises:
            ShardError: If it is damaged, of a newer format, or contradicts itself.
        """
        value = JsonFields(parse_json(data, where=where), where)
        version = value.integer("version")
        if value.text("format") != "affectkit-shards" or not 1 <= version <= FORMAT_VERSION:
            raise ShardError(
                f"{where} is of format {value.text('format')!r} version {version}, and this affectkit "
                f"reads 'affectkit-shards' up to version {FORMAT_VERSION}: upgrade affectkit."
            )
        space, dims = value.optional("label_space"), value.optional("dims")
        try:
            manifest = cls(
                name=value.text("name"),
                kind=cast(SampleKind, value.text("kind")),
                label_space=None if space is None else LabelSpace.from_dict(space.items),
                extra_spaces={k: LabelSpace.from_dict(v.items) for k, v in value.table("extra_spaces")},
                dims=None if dims is None else AffectScale.from_dict(dims.items),
                features={
                    k: FeatureSpec(v.integer("dim"), v.text("dtype"), v.text("encoder"))
                    for k, v in value.table("features")
                },
                licence=_licence(value.child("licence")),
                synthetic=value.boolean("synthetic"),
                created_by=value.text("created_by"),
                shards=tuple(map(shard_entry, value.rows("shards"))),
                version=version,
            )
        except (TypeError, KeyError, ValueError) as error:
            raise ShardError(f"{where} is damaged: {error}") from error
        stated = {split: tuple(counts) for split, counts in value.counts("class_counts")}
        if stated != manifest.class_counts:
            raise ShardError(
                f"{where} contradicts itself: class_counts is not the sum over its shards; make it anew."
            )
        return manifest


def read_manifest(root: str | os.PathLike[str]) -> Manifest:
    """Read ``root/manifest.json``, in a folder or at an address.

    Raises:
        ShardError: If it is absent or damaged.
        RemoteError: If it cannot be brought.
    """
    if is_remote(root):
        source = RemoteFolder(os.fspath(root))
        return Manifest.from_json(source.read(MANIFEST_NAME), where=source.address(MANIFEST_NAME))
    path = Path(root) / MANIFEST_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ShardError(
            f"{path} cannot be read ({error.strerror}): give a folder made by `affectkit shards make`, "
            "or build the manifest of foreign tars with `affectkit shards index`."
        ) from error
    return Manifest.from_json(data, where=str(path))


def _licence(fields: JsonFields) -> Licence:
    return Licence(fields.text("name"), cast(LicenceClass, fields.text("klass")), fields.text("terms"))


def shard_entry(fields: JsonFields) -> ShardEntry:
    """A shard's entry from the fields of its JSON object."""
    return ShardEntry(
        name=fields.text("name"),
        split=fields.text("split"),
        samples=fields.integer("samples"),
        items=fields.integer("items"),
        bytes=fields.integer("bytes"),
        sha256=fields.text("sha256"),
        index_sha256=fields.text("index_sha256"),
        class_counts=fields.integers("class_counts"),
    )

"""Index and manifest for tars that stock writers made."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from affectkit.atomic_file import write_atomically
from affectkit.data.schema import ShardError, conversation_record, member_kind, parse_json
from affectkit.data.shards.item_check import ItemLabels, counted_labels, find_item, item_labels
from affectkit.data.shards.join_shards import write_manifest
from affectkit.data.shards.manifest import Manifest, SampleKind, ShardEntry
from affectkit.data.shards.shard_index import IndexedSample, build_index, group_members
from affectkit.data.shards.tar_scan import scan_tar

_SPLIT = re.compile(r"(?P<split>[A-Za-z][A-Za-z0-9_]*?)[-_.]?[0-9]+\.tar")
_SYNONYMS = {"dev": "val", "valid": "val", "validation": "val", "training": "train", "testing": "test"}


def index_foreign(
    root: str | os.PathLike[str],
    template: Manifest,
    *,
    split: str | None = None,
    ignore: Collection[str] = (),
) -> Manifest:
    """Index the tars in ``root`` where they lie, and write the manifest over them.

    The tars stay as they are. Labels are counted from ``KEY.cls``, or from the record in
    ``KEY.json``. Long names in pax or GNU headers are understood.

    Args:
        root: Folder with the ``*.tar`` of a stock writer.
        template: A manifest with everything but the shards.
        split: The split of all of them; None takes it from names such as ``train-000000.tar``.
        ignore: Kinds of members to leave out, e.g. ``("pth",)``; they are never read.

    Raises:
        ShardError: If there is no tar, one is damaged, a member's name is unsafe or its kind is
            neither allowed nor ignored, a key's members are apart, or a label is out of range.
    """
    folder = Path(root)
    paths = sorted(folder.glob("*.tar"))
    if not paths:
        raise ShardError(f"{folder} holds no .tar file: give the folder in which the shards lie.")
    for path in paths:
        samples = _allowed(path, ignore)
        entry = _entry(path, template, split or _split_of(path), samples)
        index = build_index(entry, samples, left_out=ignore)
        write_atomically(path.with_name(entry.index_name), index.to_bytes())
    return write_manifest(folder, template)


def sample_labels(
    members: Mapping[str, bytes | memoryview], *, kind: SampleKind, where: str
) -> list[ItemLabels]:
    """Labels of each item of a sample: its utterances, or the sample itself.

    A single item has ``KEY.cls``, or a record in ``KEY.json``; other JSON counts as no label.

    Raises:
        ShardError: If the member that holds the labels is damaged.
    """
    if kind == "conversation":
        if "json" not in members:
            raise ShardError(f"{where} has no json member: a conversation's record is wanted there.")
        record = conversation_record(parse_json(members["json"], where=where), where=where)
        return [item["label"] for item in record["utterances"]]
    if "cls" not in members:
        item = find_item(members, where=where)
        return [None if item is None else item_labels(item)]
    text = bytes(members["cls"]).strip()
    if not text.isdigit():
        raise ShardError(f"{where} has {text[:32]!r} as its class: write a whole number from 0.")
    return [int(text)]


def _allowed(path: Path, ignore: Collection[str]) -> list[IndexedSample]:
    samples = group_members(path, scan_tar(path), left_out=ignore)
    for key, members in samples:
        for member in members:
            try:
                member_kind(member.ext)
            except ShardError as error:
                raise ShardError(
                    f"{path}, sample {key!r}: {error} Members to leave out are named with --ignore."
                ) from error
        if not members:
            raise ShardError(f"{path}, sample {key!r} has no member that is read: ignore fewer kinds.")
    return samples


def _entry(path: Path, template: Manifest, split: str, samples: list[IndexedSample]) -> ShardEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        counts, items = Counter[int](), 0
        for key, members in samples:
            where = f"{path}, sample {key!r}"
            contents: dict[str, bytes | memoryview] = {}
            for ext, offset, size in members:
                if ext in ("cls", "json"):
                    file.seek(offset)
                    contents[ext] = file.read(size)
            labels = sample_labels(contents, kind=template.kind, where=where)
            items += len(labels)
            for label in counted_labels(labels) if template.num_classes else ():
                if label >= template.num_classes:
                    raise ShardError(
                        f"{where} has the label {label}, but there are {template.num_classes} labels: "
                        "give the label space in which the shards were written."
                    )
                counts[label] += 1
    entry = ShardEntry(
        name=path.name,
        split=split,
        samples=len(samples),
        items=items,
        bytes=path.stat().st_size,
        sha256=digest,
    )
    return replace(entry, class_counts=tuple(counts[label] for label in range(template.num_classes)))


def _split_of(path: Path) -> str:
    match = _SPLIT.fullmatch(path.name)
    if match is None:
        raise ShardError(f"The split of {path} is not in its name (train-000000.tar): pass --split.")
    name = match["split"].lower().rstrip("_")
    return _SYNONYMS.get(name, name)

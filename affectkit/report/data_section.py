"""The part of a report that says what data a model was made of: its data card."""

from __future__ import annotations

from affectkit.data.shards import Manifest
from affectkit.report.page import Section, Table


def data_section(manifest: Manifest) -> Section:
    """Source, terms, splits, classes and features of a data set, as its manifest states them."""
    facts = [
        ["name", manifest.name],
        ["kind of a sample", manifest.kind],
        ["origin", "generated, no recordings of people" if manifest.synthetic else "recorded"],
        ["licence", f"{manifest.licence.name} ({manifest.licence.klass})"],
        ["terms", manifest.licence.terms or "not stated"],
        ["made by", manifest.created_by or "not stated"],
    ]
    if manifest.label_space is not None:
        space = manifest.label_space
        facts.append(["labels stored", f"{space.name}: {', '.join(space.labels)}"])
        facts.append(["source of the label order", space.source or "not stated"])
    for name, space in sorted(manifest.extra_spaces.items()):
        facts.append([f"further labels: {name}", f"{space.name}: {', '.join(space.labels)}"])
    if manifest.dims is not None:
        scale = manifest.dims
        facts.append(
            ["values", f"{', '.join(scale.axes)} from {scale.low:g} to {scale.high:g} ({scale.name})"]
        )
    for name, feature in sorted(manifest.features.items()):
        facts.append([f"features: {name}", f"{feature.dim} numbers from {feature.encoder}"])
    tables = [Table("Data card", ["what", "stated"], facts, words=True), _splits(manifest)]
    if manifest.label_space is not None:
        tables.append(_classes(manifest, list(manifest.label_space.labels)))
    return Section("Data", text="What the manifest of the data set states.", tables=tables)


def _splits(manifest: Manifest) -> Table:
    rows = []
    for split in manifest.splits:
        shards = manifest.split_shards(split)
        samples, items = (sum(getattr(one, name) for one in shards) for name in ("samples", "items"))
        size = sum(one.bytes for one in shards) / 1e6
        rows.append([split, str(samples), str(items), f"{size:.1f}", manifest.fingerprint(split)[:16]])
    item = "utterances" if manifest.kind == "conversation" else "items"
    return Table("Splits", ["split", "samples", item, "MB", "fingerprint"], rows)


def _classes(manifest: Manifest, labels: list[str]) -> Table:
    counts = manifest.class_counts
    totals = {split: sum(numbers) for split, numbers in counts.items()}
    rows = [
        [label, *(_share(numbers[place], totals[split]) for split, numbers in counts.items())]
        for place, label in enumerate(labels)
    ]
    return Table("Labels of each split", ["label", *counts], rows)


def _share(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.1f} %)" if total else str(count)

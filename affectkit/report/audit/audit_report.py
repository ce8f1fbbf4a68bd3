"""The result of an audit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from affectkit import __version__
from affectkit.atomic_file import write_atomically
from affectkit.report.audit.audit_settings import AuditSettings
from affectkit.report.audit.audited_set import Place
from affectkit.report.audit.class_counts import has_published_counts
from affectkit.report.audit.finding import SEVERITIES, Finding, Severity


@dataclass(frozen=True, slots=True)
class SearchCost:
    """What the search among the units of one kind cost.

    Args:
        units: How many there are.
        bytes: Memory of what was remembered of them.
        comparisons: Pairs that were looked at in the search for near duplicates.
        cut: Buckets in which not every pair was looked at.
    """

    units: int
    bytes: int
    comparisons: int = 0
    cut: int = 0


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit looked at and what it found, worst first."""

    datasets: tuple[Mapping[str, object], ...]
    findings: tuple[Finding, ...]
    searched: Mapping[str, SearchCost]
    settings: AuditSettings

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_json(self) -> bytes:
        """Indented JSON, equal for equal data: no time, no path."""
        value = {
            "format": "affectkit-audit",
            "version": 1,
            "affectkit": __version__,
            "settings": asdict(self.settings),
            "datasets": list(self.datasets),
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
            "findings": [finding.to_dict() for finding in self.findings],
            "searched": {kind: asdict(cost) for kind, cost in sorted(self.searched.items())},
        }
        return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON; the file is either whole or not there."""
        write_atomically(Path(path), self.to_json())


def describe_sets(places: Sequence[Place]) -> tuple[Mapping[str, object], ...]:
    """Name, kind, terms, labels and sizes of each data set."""
    described: dict[str, dict[str, object]] = {}
    for place in places:
        manifest = place.set.manifest
        space = manifest.label_space
        entries = manifest.split_shards(place.split)
        splits = described.setdefault(
            place.set.name,
            {
                "name": place.set.name,
                "kind": manifest.kind,
                "synthetic": manifest.synthetic,
                "licence": asdict(manifest.licence),
                "label_space": None if space is None else space.name,
                "labels": [] if space is None else list(space),
                "published_counts": has_published_counts(place.set),
                "splits": {},
            },
        )["splits"]
        assert isinstance(splits, dict)
        splits[place.split] = {
            "samples": len(place.store),
            "items": sum(entry.items for entry in entries),
            "class_counts": list(manifest.class_counts[place.split]),
            "fingerprint": place.store.fingerprint,
        }
    return tuple(described.values())

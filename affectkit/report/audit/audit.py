"""Auditing data sets: duplicates, leakage, conflicts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from affectkit.report.audit.audit_report import AuditReport, SearchCost, describe_sets
from affectkit.report.audit.audit_settings import AuditSettings
from affectkit.report.audit.audited_set import Place, open_sets
from affectkit.report.audit.class_counts import class_count_findings
from affectkit.report.audit.duplicates import duplicate_findings, plural
from affectkit.report.audit.finding import Finding, Severity
from affectkit.report.audit.group_leakage import leakage_findings
from affectkit.report.audit.label_conflicts import label_conflict_findings
from affectkit.report.audit.near_duplicates import near_duplicate_findings
from affectkit.report.audit.read_units import ReadUnits, Tally, read_units
from affectkit.report.audit.set_agreement import agreement_findings
from affectkit.report.audit.shared_utterances import shared_utterance_findings
from affectkit.report.audit.text_sketch import SKETCH_KEYS
from affectkit.report.audit.unit_table import UnitTable, group_equal

_NEAR: Final = ("text", "dialogue", "picture")


def audit_datasets(
    roots: Sequence[str | os.PathLike[str]],
    *,
    settings: AuditSettings | None = None,
    on_start: Callable[[int], None] | None = None,
    on_sample: Callable[[str], None] | None = None,
) -> AuditReport:
    """Look for what makes results on one or several data sets untrustworthy.

    Every sample is read once, and no more than a hundred bytes are remembered of each text, picture,
    sound or row of features in it. Equal content is found by digests, nearly equal content by keys that
    are sorted; only what may be nearly equal is read again.

    Args:
        roots: Folders of shards or LMDBs, or addresses of shards.
        settings: What is called near and short.
        on_start: Called with the number of samples.
        on_sample: Called for each sample with the name of its split.

    Raises:
        AuditError: If no folder is given, or two of one name.
        ShardError: If a data set is absent or damaged as a whole; a damaged sample is a finding.
        RemoteError: If one cannot be brought.
    """
    chosen = settings or AuditSettings()
    places = open_sets(roots)
    if on_start is not None:
        on_start(sum(len(place.store) for place in places))
    tell = on_sample
    read = read_units(
        places,
        groups=chosen.groups,
        on_sample=None if tell is None else lambda place: tell(place.name),
    )
    sets = {place.set.name: place.set for place in places}
    findings = agreement_findings(list(sets.values())) + leakage_findings(read.bearers, places)
    for one in sets.values():
        findings += class_count_findings(one)
    findings += _unreadable(read, places)
    searched: dict[str, SearchCost] = {}
    for kind, table in sorted(read.tables.items()):
        more, searched[kind] = _search(table, places, chosen)
        findings += more
    ordered = tuple(sorted(findings, key=lambda finding: (finding.rank, finding.message)))
    return AuditReport(describe_sets(places), ordered, searched, chosen)


def _search(
    table: UnitTable, places: Sequence[Place], settings: AuditSettings
) -> tuple[list[Finding], SearchCost]:
    units = table.columns()
    groups = group_equal([units.content[:, 0], units.content[:, 1]])
    findings = duplicate_findings(units, groups, places, settings)
    if units.kind != "id":
        findings += label_conflict_findings(units, groups, places, settings)
    if units.kind == "text":
        # Equal sketches mean equal words, whatever the punctuation.
        alike = group_equal([units.sketch[:, key].astype(np.uint64) for key in range(SKETCH_KEYS)])
        findings += shared_utterance_findings(units, alike, places, settings)
    if units.kind not in _NEAR:
        return findings, SearchCost(len(units), units.nbytes)
    near = near_duplicate_findings(units, groups, places, settings)
    cost = SearchCost(len(units), units.nbytes, near.comparisons, near.cut)
    return findings + near.findings, cost


def _unreadable(read: ReadUnits, places: Sequence[Place]) -> list[Finding]:
    findings = [
        _at(places[number], "unreadable", "error", tally, "cannot be read: `affectkit shards check` says why")
        for number, tally in read.damaged.items()
    ]
    return findings + [
        _at(
            places[number],
            f"blank_{kind.replace(' ', '_')}",
            "warning",
            tally,
            f"{'a picture of one colour' if kind == 'picture' else f'only zeros in {kind}'}",
        )
        for (number, kind), tally in read.blank.items()
    ]


def _at(place: Place, code: str, severity: Severity, tally: Tally, what: str) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        places=(place.name,),
        count=tally.count,
        message=f"{plural(tally.count, 'item')} of {place.name}: {what}.",
        examples=tuple(tally.examples),
    )

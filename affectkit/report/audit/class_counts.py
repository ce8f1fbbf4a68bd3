"""Class counts against the published table, and classes that a split lacks."""

from __future__ import annotations

from affectkit.labels import LabelSpaceMismatchError, UnknownLabelError, published_counts
from affectkit.report.audit.audited_set import AuditedSet
from affectkit.report.audit.finding import Finding


def class_count_findings(one: AuditedSet) -> list[Finding]:
    """Splits whose class counts differ from the published ones, or that lack a class of another split."""
    space, counts = one.manifest.label_space, one.manifest.class_counts
    if space is None:
        return []
    findings = []
    published = _published(one)
    for split, found in counts.items():
        stated = published.get(split)
        if stated is not None and tuple(stated) != found:
            differing = [
                f"{label} {here} instead of {there}"
                for label, here, there in zip(space, found, stated, strict=True)
                if here != there
            ]
            findings.append(
                Finding(
                    code="class_counts",
                    severity="error",
                    places=(f"{one.name}/{split}",),
                    count=len(differing),
                    message=f"{one.name}/{split} does not have the published counts: {', '.join(differing)}.",
                )
            )
        absent = [
            label
            for number, label in enumerate(space)
            if not found[number] and any(other[number] for other in counts.values())
        ]
        if absent and any(found):
            findings.append(
                Finding(
                    code="absent_class",
                    severity="warning",
                    places=(f"{one.name}/{split}",),
                    count=len(absent),
                    message=f"{one.name}/{split} has no {', '.join(absent)}, which another split has.",
                )
            )
    return findings


def has_published_counts(one: AuditedSet) -> bool:
    """Whether there is a published table that fits the set's labels."""
    return bool(_published(one))


def _published(one: AuditedSet) -> dict[str, list[int]]:
    if one.manifest.label_space is None:
        return {}
    try:
        return published_counts(one.manifest.name).in_order(one.manifest.label_space)
    except (UnknownLabelError, LabelSpaceMismatchError):
        return {}

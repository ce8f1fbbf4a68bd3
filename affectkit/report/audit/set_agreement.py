"""Whether data sets can be used together: label spaces, affect scales, licences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from affectkit.data.shards import LicenceClass
from affectkit.labels import canonical
from affectkit.report.audit.audited_set import AuditedSet
from affectkit.report.audit.finding import Finding

#: Mildest first; what is unknown allows nothing.
_STRICTNESS: tuple[LicenceClass, ...] = ("synthetic", "open", "academic", "non-commercial", "unknown")


def agreement_findings(sets: Sequence[AuditedSet]) -> list[Finding]:
    """Conflicts of label spaces and scales between any two sets, and the mix of licences."""
    findings = [
        finding
        for one, other in combinations(sets, 2)
        for finding in (*_spaces(one, other), *_scales(one, other))
    ]
    return findings + _licences(sets)


def _spaces(one: AuditedSet, other: AuditedSet) -> list[Finding]:
    left, right = one.manifest.label_space, other.manifest.label_space
    if left is None or right is None or left.same_order(right):
        return []
    names = (one.name, other.name)
    if left.kind != right.kind:
        message = f"{one.name} is {left.kind} and {other.name} {right.kind}: no map joins their labels."
        return [Finding(code="label_kind", severity="warning", places=names, count=1, message=message)]
    missing = [label for label in left if right.counterpart(label) is None]
    further = [label for label in right if left.counterpart(label) is None]
    if not missing and not further:
        message = (
            f"{one.name} ({left.name}) and {other.name} ({right.name}) have the same labels in another "
            "order: map them by name, never by number."
        )
        return [Finding(code="label_order", severity="warning", places=names, count=1, message=message)]
    parts = [
        f"{', '.join(labels)} only in {name}" for name, labels in zip(names, (missing, further)) if labels
    ]
    shared = sorted(canonical(label) for label in left if right.counterpart(label) is not None)
    message = f"{'; '.join(parts)}; shared: {', '.join(shared) or 'none'}. Training on both needs a map."
    return [
        Finding(
            code="label_sets",
            severity="warning",
            places=names,
            count=len(missing) + len(further),
            message=message,
        )
    ]


def _scales(one: AuditedSet, other: AuditedSet) -> list[Finding]:
    left, right = one.manifest.dims, other.manifest.dims
    if left is None or right is None:
        return []
    if (left.axes, left.low, left.high) == (right.axes, right.low, right.high):
        return []
    message = (
        f"{one.name} has {', '.join(left.axes)} on {left.low:g}..{left.high:g} and {other.name} "
        f"{', '.join(right.axes)} on {right.low:g}..{right.high:g}: convert one of them."
    )
    names = (one.name, other.name)
    return [Finding(code="affect_scale", severity="warning", places=names, count=1, message=message)]


def _licences(sets: Sequence[AuditedSet]) -> list[Finding]:
    findings = [
        Finding(
            code="licence_unknown",
            severity="warning",
            places=(one.name,),
            count=1,
            message=f"Nobody stated the terms of {one.name} ({one.manifest.licence.name}): ask its authors.",
        )
        for one in sets
        if one.manifest.licence.klass == "unknown"
    ]
    classes = {one.manifest.licence.klass for one in sets}
    if len(classes) > 1:
        parts = [
            f"{klass}: {', '.join(one.name for one in sets if one.manifest.licence.klass == klass)}"
            for klass in _STRICTNESS
            if klass in classes
        ]
        strictest = max(classes, key=_STRICTNESS.index)
        message = f"{'; '.join(parts)}. What is trained on all of them is {strictest}."
        findings.append(
            Finding(
                code="licence_mix",
                severity="warning",
                places=tuple(one.name for one in sets),
                count=len(classes),
                message=message,
            )
        )
    return findings

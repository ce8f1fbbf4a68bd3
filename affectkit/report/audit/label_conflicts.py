"""The same content under different labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from affectkit.report.audit.audit_settings import AuditSettings
from affectkit.report.audit.audited_set import Place
from affectkit.report.audit.duplicates import is_short, noun, plural, row_name
from affectkit.report.audit.finding import Finding
from affectkit.report.audit.read_units import Tally
from affectkit.report.audit.unit_table import Groups, Units

#: Annotators differ by less on the same item; more is another opinion of it.
_FAR: Final = 0.25


def label_conflict_findings(
    units: Units, groups: Groups, places: Sequence[Place], settings: AuditSettings
) -> list[Finding]:
    """Equal content whose labels differ, or whose dimensions do by a quarter of their range.

    Labels are compared by name, and only between sets that have the same labels.
    """
    families = [place.set.label_family for place in places]
    tallies: dict[tuple[str, tuple[str, ...], bool], Tally] = {}
    for number in range(len(groups)):
        if groups.sizes[number] < 2:
            continue
        rows = groups.group(number)
        short = is_short(units, rows[0], settings)
        pairs = {"label": _two_labels(units, rows, families), "dims": _two_ratings(units, rows)}
        for what, pair in pairs.items():
            if pair is None:
                continue
            names = tuple(sorted({places[int(units.place[row])].set.name for row in pair}))
            if short and len(names) > 1:
                continue
            example = " != ".join(row_name(units, row, places) for row in pair)
            tallies.setdefault((what, names, short), Tally()).add(example)
    return [
        _finding(units.kind, what, names, tally, places, short=short)
        for (what, names, short), tally in sorted(tallies.items())
    ]


def _two_labels(
    units: Units, rows: Sequence[int], families: Sequence[tuple[str, ...]]
) -> tuple[int, int] | None:
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        if units.label[row]:
            first = seen.setdefault(families[int(units.place[row])], row)
            if units.label[first] != units.label[row]:
                return first, row
    return None


def _two_ratings(units: Units, rows: Sequence[int]) -> tuple[int, int] | None:
    for axis in range(units.dims.shape[1]):
        values = units.dims[rows, axis]
        rated = np.flatnonzero(~np.isnan(values))
        if len(rated) > 1 and np.ptp(values[rated]) > _FAR:
            ends = rated[np.argmin(values[rated])], rated[np.argmax(values[rated])]
            low, high = sorted(rows[int(end)] for end in ends)
            return low, high
    return None


def _finding(
    kind: str, what: str, names: tuple[str, ...], tally: Tally, places: Sequence[Place], *, short: bool
) -> Finding:
    place = next(place for place in places if place.set.name == names[0])
    name = noun(kind, place)
    talk = name == "utterance" or kind.startswith("features ")
    differs = "labelled differently" if what == "label" else "rated a quarter of the range apart or more"
    phrase = f"{name} of few words" if short else name
    return Finding(
        code=f"{what}_conflict",
        severity="note" if short or talk else "warning",
        places=names,
        count=tally.count,
        message=f"{plural(tally.count, phrase)} of {' and '.join(names)}: there again, {differs}.",
        examples=tuple(tally.examples),
    )

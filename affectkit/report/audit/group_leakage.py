"""People and recordings that are in two splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from affectkit.report.audit.audited_set import Place
from affectkit.report.audit.duplicates import plural
from affectkit.report.audit.finding import Finding
from affectkit.report.audit.read_units import Bearer, Tally


def leakage_findings(bearers: Mapping[Bearer, Counter[int]], places: Sequence[Place]) -> list[Finding]:
    """Speakers, subjects, recordings and other groups that two splits of a set share.

    Names are compared within one published set only: another set's ``03`` is somebody else.
    """
    tallies: dict[tuple[str, int, int], Tally] = {}
    known: Counter[tuple[str, int]] = Counter()
    for bearer, found in bearers.items():
        known.update((bearer.kind, place) for place in found)
        for one, other in combinations(sorted(found), 2):
            tallies.setdefault((bearer.kind, one, other), Tally()).add(bearer.name)
    return [
        Finding(
            code=f"{kind}_leakage",
            severity="warning",
            places=(places[one].name, places[other].name),
            count=tally.count,
            message=f"{tally.count} of the {plural(known[kind, other], kind)} of {places[other].name}: "
            f"also in {places[one].name}.",
            examples=tuple(tally.examples),
        )
        for (kind, one, other), tally in sorted(tallies.items(), key=lambda item: item[0])
    ]

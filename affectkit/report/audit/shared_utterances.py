"""Conversations of two splits that have utterances in common: scenes that were cut twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Final

from affectkit.report.audit.audit_settings import AuditSettings
from affectkit.report.audit.audited_set import Place
from affectkit.report.audit.duplicates import is_short, plural, same_set
from affectkit.report.audit.finding import Finding
from affectkit.report.audit.read_units import Tally
from affectkit.report.audit.unit_table import Groups, Units

#: One sentence may be said twice by chance.
_SHARED: Final = 2
#: A sentence that is said more often is a formula, and its pairs would be many.
_MOST: Final = 16


def shared_utterance_findings(
    units: Units, groups: Groups, places: Sequence[Place], settings: AuditSettings
) -> list[Finding]:
    """Pairs of conversations in two splits of a set that share two utterances or more.

    Only utterances count that are no phrases and stand in at most 16 places.
    """
    shared: Counter[tuple[tuple[int, int], tuple[int, int]]] = Counter()
    for number in range(len(groups)):
        if not 2 <= groups.sizes[number] <= _MOST:
            continue
        rows = [row for row in groups.group(number) if units.turn[row] >= 0]
        if not rows or is_short(units, rows[0], settings):
            continue
        talks = sorted({(int(units.place[row]), int(units.position[row])) for row in rows})
        for one, other in combinations(talks, 2):
            if one[0] != other[0] and same_set(places[one[0]], places[other[0]]):
                shared[one, other] += 1
    tallies: dict[tuple[int, int], Tally] = {}
    for (one, other), count in sorted(shared.items()):
        if count >= _SHARED:
            names = (places[place].item_name(position, -1) for place, position in (one, other))
            tallies.setdefault((one[0], other[0]), Tally()).add(f"{' & '.join(names)} ({count})")
    return [
        Finding(
            code="shared_utterances",
            severity="warning",
            places=(places[one].name, places[other].name),
            count=tally.count,
            message=f"{plural(tally.count, 'pair of dialogues')} between {places[one].name} and "
            f"{places[other].name}: they share {_SHARED} utterances or more.",
            examples=tuple(tally.examples),
        )
        for (one, other), tally in tallies.items()
    ]

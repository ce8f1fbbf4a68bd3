"""Things that are there twice, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from affectkit.report.audit.audit_settings import AuditSettings
from affectkit.report.audit.audited_set import Place
from affectkit.report.audit.finding import Finding, Severity
from affectkit.report.audit.read_units import Tally
from affectkit.report.audit.unit_table import Groups, Units

_TEXTS: Final = ("text", "dialogue")


class Relation(NamedTuple):
    """Two places (or one, twice), and whether it is a phrase that they share."""

    one: int
    other: int
    short: bool


def duplicate_findings(
    units: Units, groups: Groups, places: Sequence[Place], settings: AuditSettings
) -> list[Finding]:
    """What is there more than once, within each place and between any two."""
    tallies: dict[Relation, Tally] = {}
    items: dict[Relation, list[int]] = {}
    for number in range(len(groups)):
        if groups.sizes[number] < 2:
            continue
        rows = groups.group(number)
        here = Counter(int(units.place[row]) for row in rows)
        first = {int(units.place[row]): row for row in reversed(rows)}
        short = is_short(units, rows[0], settings)
        for one in sorted(here):
            for other in sorted(here):
                if other < one or (one == other and here[one] < 2):
                    continue
                if short and not same_set(places[one], places[other]):
                    continue  # that two corpora both say "thanks" is no finding
                relation = Relation(one, other, short)
                second = first[other]
                if one == other:
                    second = next(row for row in rows if units.place[row] == one and row != first[one])
                pair = f"{row_name(units, first[one], places)} = {row_name(units, second, places)}"
                tallies.setdefault(relation, Tally()).add(pair)
                sums = items.setdefault(relation, [0, 0])
                sums[0] += here[one] - (one == other)
                sums[1] += here[other]
    return [
        _finding(units.kind, relation, tally, items[relation], places) for relation, tally in tallies.items()
    ]


def is_short(units: Units, row: int, settings: AuditSettings) -> bool:
    """Whether a row is a text too short for its repetition to mean anything."""
    return units.kind in _TEXTS and int(units.words[row]) < settings.short_words


def row_name(units: Units, row: int, places: Sequence[Place]) -> str:
    """Names the item of a row."""
    return places[int(units.place[row])].item_name(int(units.position[row]), int(units.turn[row]))


def noun(kind: str, place: Place) -> str:
    """What a unit is called in a sentence."""
    if kind == "text" and place.set.manifest.kind == "conversation":
        return "utterance"
    return f"row of {kind}" if kind.startswith("features ") else {"audio": "sound"}.get(kind, kind)


def plural(count: int, name: str) -> str:
    """A number with its noun."""
    if count == 1:
        return f"1 {name}"
    head, space, rest = name.partition(" ")
    stem = head[:-1] + "ies" if head.endswith("y") else head + "s"
    return f"{count} {stem}{space}{rest}"


def same_set(one: Place, other: Place) -> bool:
    """Whether two places are of one published set, also where two folders hold it."""
    return one.set.manifest.name == other.set.manifest.name


def severity(kind: str, one: Place, other: Place, *, exact: bool) -> Severity:
    """How bad it is that two places share something.

    A test item that is also trained on falsifies a result, and a copy in the same split only its
    weight. People say the same sentence twice, and derived features follow the text, so for
    utterances and features it is one step less.
    """
    levels: tuple[Severity, ...] = ("error", "warning", "note")
    level = 0 if one is not other and same_set(one, other) else 1
    level += not exact
    talk = "conversation" in (one.set.manifest.kind, other.set.manifest.kind)
    if talk and (kind == "text" or kind.startswith("features ")):
        level += 1
    return levels[min(level, 2)]


def _finding(
    kind: str, relation: Relation, tally: Tally, items: list[int], places: Sequence[Place]
) -> Finding:
    one, other = places[relation.one], places[relation.other]
    name = noun(kind, other)
    if kind == "id":
        count, message = tally.count, f"{plural(tally.count, 'id')} of {one.name} are also in {other.name}."
        message += " Numbers that start anew in each file do that; otherwise it is one sample twice."
        return Finding(
            code="repeated_id",
            severity="warning",
            places=_names(one, other),
            count=count,
            message=message,
            examples=tuple(tally.examples),
        )
    code = "repeated_phrase" if relation.short else f"duplicate_{kind.replace(' ', '_')}"
    level = "note" if relation.short else severity(kind, one, other, exact=True)
    what = f"{plural(items[1], name)}" if one is not other else plural(items[0], name)
    if relation.short:
        what += " of few words"
    if one is other:
        message = f"{what} in {one.name}: copies of another one there."
        count = items[0]
    else:
        message = f"{what} in {other.name}: also in {one.name}, {plural(items[0], 'time')} there."
        count = items[1]
    return Finding(
        code=code,
        severity=level,
        places=_names(one, other),
        count=count,
        message=message,
        examples=tuple(tally.examples),
    )


def _names(one: Place, other: Place) -> tuple[str, ...]:
    return (one.name,) if one is other else (one.name, other.name)

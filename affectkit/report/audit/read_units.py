"""The one pass of an audit over all samples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from affectkit.data.schema import ShardError
from affectkit.report.audit.audited_set import Place
from affectkit.report.audit.sample_units import SampleAnnotation, digest, read_annotation, sample_units
from affectkit.report.audit.text_sketch import SKETCH_KEYS
from affectkit.report.audit.unit_table import Owner, Unit, UnitTable

_SKETCHES: Final = {"text": SKETCH_KEYS, "dialogue": SKETCH_KEYS, "picture": 1}
_EXAMPLES: Final = 5
#: Names in ``meta`` that say who or what was recorded.
_GROUPS: Final = {
    "actor": "subject",
    "identity": "subject",
    "participant": "subject",
    "person": "subject",
    "subject": "subject",
    "subject_id": "subject",
    "film": "recording",
    "movie": "recording",
    "recording": "recording",
    "video": "recording",
    "video_id": "recording",
}
# "A", "speaker 1": a part in one conversation, which is another person in the next.
_ROLE: Final = re.compile(
    r"(?:speaker|person|user|agent|participant|spk)[ _-]?(?:[a-z]|[0-9]{1,2})?|s?[0-9]{1,2}|[a-z]",
    re.IGNORECASE,
)


class Bearer(NamedTuple):
    """Somebody or something that should be in one split only: ``kind`` is speaker, subject, ..."""

    kind: str
    set_name: str
    name: str


@dataclass(slots=True)
class Tally:
    """How many there are, and the names of the first."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example)


@dataclass(slots=True)
class ReadUnits:
    """What the pass remembers.

    Args:
        tables: The units, by kind.
        bearers: In which places each speaker, subject, ... has how many samples.
        blank: Units without content, by place and kind.
        damaged: Samples that cannot be read, by place.
    """

    tables: dict[str, UnitTable] = field(default_factory=dict)
    bearers: dict[Bearer, Counter[int]] = field(default_factory=dict)
    blank: dict[tuple[int, str], Tally] = field(default_factory=dict)
    damaged: dict[int, Tally] = field(default_factory=dict)


def read_units(
    places: Sequence[Place],
    *,
    groups: Sequence[str] = (),
    on_sample: Callable[[Place], None] | None = None,
) -> ReadUnits:
    """Read every sample once.

    Args:
        places: The splits to read.
        groups: Further names in ``meta`` that should be in one split only.
        on_sample: Called before each sample with its split.
    """
    read = ReadUnits()
    axes = audit_axes(places)
    kinds = _GROUPS | dict.fromkeys(groups, "group")
    for number, place in enumerate(places):
        for position in range(len(place.store)):
            if on_sample is not None:
                on_sample(place)
            try:
                _read_sample(read, place, number, position, axes, kinds)
            except ShardError:
                read.damaged.setdefault(number, Tally()).add(place.item_name(position, -1))
    return read


def audit_axes(places: Sequence[Place]) -> tuple[str, ...]:
    """The affect dimensions of all sets, sorted."""
    scales = [place.set.manifest.dims for place in places]
    return tuple(sorted({axis for scale in scales if scale is not None for axis in scale.axes}))


def _read_sample(
    read: ReadUnits,
    place: Place,
    number: int,
    position: int,
    axes: Sequence[str],
    kinds: dict[str, str],
) -> None:
    where = place.store.describe(position)
    members = place.store.get(position)
    kind = place.set.manifest.kind
    stated = read_annotation(members, kind, where=where)
    found = sample_units(members, kind, stated, where=where)
    owners = [
        Owner(number, position, place.set.label_digest(labels), place.set.unit_dims(dims, axes))
        for labels, dims in zip(stated.labels, stated.dims, strict=True)
    ]
    talk = kind == "conversation"
    whole = Owner(number, position, 0, place.set.unit_dims(None, axes)) if talk else owners[0]
    units = found.units
    if stated.id is not None:
        units.append(Unit("id", -1, digest(place.set.manifest.name.encode(), stated.id.encode())))
    for unit in units:
        table = read.tables.get(unit.kind)
        if table is None:
            table = UnitTable(unit.kind, sketch=_SKETCHES.get(unit.kind, 0), axes=len(axes))
            read.tables[unit.kind] = table
        table.add(unit, owners[unit.turn] if unit.turn >= 0 else whole)
    for what, turn in found.blank:
        read.blank.setdefault((number, what), Tally()).add(place.item_name(position, turn))
    for bearer in _bearers(place, stated, kinds, talk=talk):
        read.bearers.setdefault(bearer, Counter())[number] += 1


def _bearers(place: Place, stated: SampleAnnotation, kinds: dict[str, str], *, talk: bool) -> list[Bearer]:
    name = place.set.manifest.name
    found = [
        Bearer("speaker", name, person)
        for person in stated.people
        if person and not (talk and _ROLE.fullmatch(person))
    ]
    for key, value in stated.meta.items():
        if key in kinds and value not in (None, ""):
            what = key if kinds[key] == "group" else kinds[key]
            found.append(Bearer(what, name, str(value)))
    return found

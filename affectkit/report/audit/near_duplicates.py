"""Things that differ a little: edited texts, pictures stored anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from affectkit.data.decode import decode_member
from affectkit.report.audit.audit_settings import AuditSettings
from affectkit.report.audit.audited_set import Place
from affectkit.report.audit.duplicates import is_short, noun, plural, row_name, severity
from affectkit.report.audit.finding import Finding
from affectkit.report.audit.near_pairs import NearPairs, Numbers, find_near_hashes, find_pairs
from affectkit.report.audit.picture_hash import picture_hash, picture_similarity
from affectkit.report.audit.read_units import Tally
from affectkit.report.audit.sample_units import read_annotation, sample_text, text_unit, unit_pixels
from affectkit.report.audit.text_sketch import SKETCH_KEYS, jaccard, normal_text, shingles
from affectkit.report.audit.unit_table import Groups, Units

_WINDOW: Final = 64
_REMEMBERED: Final = 4096


_Likeness: TypeAlias = Callable[[int, int], float]


class NearDuplicates(NamedTuple):
    """What was found, and what it cost."""

    findings: list[Finding]
    comparisons: int
    cut: int


def near_duplicate_findings(
    units: Units, groups: Groups, places: Sequence[Place], settings: AuditSettings
) -> NearDuplicates:
    """Pairs of different things that are nearly equal, within each place and between any two.

    Keys or hashes propose pairs; then both are read again and compared: texts by the Jaccard
    similarity of their shingles, pictures by the correlation of their pixels.
    """
    rows = groups.rows[groups.starts]
    numbers = np.arange(len(groups))
    if units.kind != "picture":
        long = np.array([not is_short(units, int(row), settings) for row in rows], dtype=np.bool_)
        rows, numbers = rows[long], numbers[long]
        likeness: _Likeness = _TextLikeness(units, rows, places)
        pairs = _near_texts(units, rows, likeness, settings)
    else:
        hashes = units.sketch[rows, 0].astype(np.uint64)
        pairs = find_near_hashes(hashes, max_distance=settings.picture_distance, window=_WINDOW)
        likeness = _PictureLikeness(units, rows, places)
    limit = settings.picture_similarity if units.kind == "picture" else settings.text_similarity
    tallies: dict[tuple[int, int], Tally] = {}
    for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        alike = likeness(left, right)
        if alike < limit:
            continue
        for one, first in _places_of(units, groups, int(numbers[left])).items():
            for other, second in _places_of(units, groups, int(numbers[right])).items():
                low, high = sorted(((one, first), (other, second)))
                tallies.setdefault((low[0], high[0]), Tally()).add(
                    f"{row_name(units, low[1], places)} ~ {row_name(units, high[1], places)} ({alike:.2f})"
                )
    return NearDuplicates(
        [_finding(units.kind, pair, tally, places) for pair, tally in sorted(tallies.items())],
        pairs.comparisons,
        pairs.cut,
    )


def _places_of(units: Units, groups: Groups, number: int) -> dict[int, int]:
    """The places of a group, each with its first row there."""
    return {int(units.place[row]): row for row in reversed(groups.group(number))}


def _near_texts(units: Units, rows: Numbers, likeness: _Likeness, settings: AuditSettings) -> NearPairs:
    def near(left: Numbers, right: Numbers) -> NDArray[np.bool_]:
        alike = (
            likeness(one, other) >= settings.text_similarity
            for one, other in zip(left.tolist(), right.tolist(), strict=True)
        )
        return np.fromiter(alike, dtype=np.bool_, count=len(left))

    tables = (units.sketch[rows, table].astype(np.uint64) for table in range(SKETCH_KEYS))
    return find_pairs(tables, len(rows), near=near, window=_WINDOW)


class _TextLikeness:
    """Reads texts again, and remembers the last ones."""

    def __init__(self, units: Units, rows: Numbers, places: Sequence[Place]) -> None:
        self._units, self._rows, self._places = units, rows, places
        self._shingles = lru_cache(_REMEMBERED)(self._read)

    def __call__(self, left: int, right: int) -> float:
        return jaccard(self._shingles(left), self._shingles(right))

    def _read(self, number: int) -> frozenset[str]:
        row = int(self._rows[number])
        place, position = self._places[int(self._units.place[row])], int(self._units.position[row])
        members = place.store.get(position)
        stated = read_annotation(members, place.set.manifest.kind, where=place.store.describe(position))
        if self._units.kind == "dialogue":
            return shingles(normal_text(sample_text(stated)))
        if stated.texts:
            return shingles(normal_text(stated.texts[max(0, int(self._units.turn[row]))]))
        # A sample may hold several texts: the digest says which one was meant.
        content = self._units.content[row].tobytes()
        files = (str(decode_member(ext, data)) for ext, data in members.items() if ext.endswith("txt"))
        return shingles(normal_text(next(text for text in files if text_unit(text).content == content)))


class _PictureLikeness:
    """Decodes pictures again."""

    def __init__(self, units: Units, rows: Numbers, places: Sequence[Place]) -> None:
        self._units, self._rows, self._places = units, rows, places
        self._pixels = lru_cache(64)(self._read)

    def __call__(self, left: int, right: int) -> float:
        return picture_similarity(self._pixels(left), self._pixels(right))

    def _read(self, number: int) -> NDArray[np.uint8]:
        row = int(self._rows[number])
        place, position = self._places[int(self._units.place[row])], int(self._units.position[row])
        members, kind = place.store.get(position), place.set.manifest.kind
        where, turn = place.store.describe(position), int(self._units.turn[row])
        # A sample may hold several pictures of one turn: the hash says which one was meant.
        pictures = unit_pixels(members, kind, turn, turn + 1, where=where)
        return next(found for found in pictures if picture_hash(found) == int(self._units.sketch[row, 0]))


def _finding(kind: str, pair: tuple[int, int], tally: Tally, places: Sequence[Place]) -> Finding:
    one, other = places[pair[0]], places[pair[1]]
    name = noun(kind, one) if noun(kind, one) == noun(kind, other) else kind
    what = plural(tally.count, f"pair of {name}s")
    between = f"in {one.name}" if one is other else f"between {one.name} and {other.name}"
    return Finding(
        code=f"near_duplicate_{kind}",
        severity=severity(kind, one, other, exact=False),
        places=(one.name,) if one is other else (one.name, other.name),
        count=tally.count,
        message=f"{what} {between}: they differ a little.",
        examples=tuple(tally.examples),
    )

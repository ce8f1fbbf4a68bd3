"""Columns hold what was added, in the bytes that the docs state."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from affectkit.report.audit.unit_table import Owner, Unit, UnitTable, group_equal


def test_rows_come_back() -> None:
    table = UnitTable("text", sketch=8, axes=2)
    table.add(Unit("text", 4, bytes(range(16)), tuple(range(8)), 999), Owner(3, 2**31, 7, (0.5, 0.25)))
    table.add(Unit("text", -1, bytes(16), (1,) * 8, 2), Owner(0, 1, 0, (0.0, 1.0)))
    units = table.columns()
    assert (units.place.tolist(), units.position.tolist(), units.turn.tolist()) == (
        [3, 0],
        [2**31, 1],
        [4, -1],
    )
    assert units.content[0].tobytes() == bytes(range(16))
    assert units.sketch[0].tolist() == list(range(8))
    assert units.words.tolist() == [255, 2]
    assert units.dims[0].tolist() == [0.5, 0.25]
    assert units.label.tolist() == [7, 0]


def test_a_unit_costs_the_stated_bytes() -> None:
    for sketch, stated in ((8, 75), (1, 51), (0, 43)):
        table = UnitTable("x", sketch=sketch, axes=2)
        for number in range(1000):
            table.add(Unit("x", -1, bytes(16), (1,) * sketch), Owner(0, number, 0, (0.0, 0.0)))
        assert table.columns().nbytes == stated * 1000


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_groups_are_those_of_a_dictionary(rows: list[tuple[int, int]]) -> None:
    expected: dict[tuple[int, int], list[int]] = {}
    for number, row in enumerate(rows):
        expected.setdefault(row, []).append(number)
    values = np.array(rows, dtype=np.uint64).reshape(-1, 2)
    groups = group_equal([values[:, 0], values[:, 1]])
    assert [groups.group(number) for number in range(len(groups))] == list(expected.values())

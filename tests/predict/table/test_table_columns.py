"""Which columns rows need together."""

from __future__ import annotations

from affectkit.predict.table.table_columns import TableColumns

EMPTY: dict[str, object] = {
    **dict.fromkeys(("part", "start", "stop", "labels")),
    **{"text": "", "scaling": "", "probabilities": {}, "values": {}},
}


def test_a_column_that_one_row_has_stays_for_the_others() -> None:
    rows = [EMPTY, {**EMPTY, "text": "Hi.", "probabilities": {"joy": 1.0}}, EMPTY]
    columns = TableColumns.of_rows(rows)
    assert columns == TableColumns(("joy",), (), ("text",))
    assert columns.including(EMPTY) is columns

"""The page about trust: its code runs, and its table names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from affectkit import metrics
from affectkit.metrics import calibration_metrics

PAGE = (Path(__file__).parents[2] / "docs" / "trust.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_the_python_of_the_page_runs(number: int) -> None:
    exec(compile(PYTHON[number], "trust.md", "exec"), {"__name__": "page"})


def test_the_table_names_every_metric_of_the_collection() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", PAGE, re.MULTILINE)
    keys = {key for _, cell in rows for key in re.findall(r"`(\w+)`", cell)}
    assert keys == set(calibration_metrics(7))
    assert all(hasattr(metrics, name) for name, _ in rows)

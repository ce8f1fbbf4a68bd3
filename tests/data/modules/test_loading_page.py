"""The page of the docs runs as printed, and its table is that of the stored result."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "loading.md"


def test_the_pages_python_runs(dialogues: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "meld").symlink_to(dialogues)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    exec("\n".join(blocks), names)
    difficulty, seen, shown = names["difficulty"], names["seen"], names["shown"]
    assert isinstance(difficulty, float)
    assert isinstance(seen, list) and isinstance(shown, list) and (len(seen), len(shown)) == (5, 12)


def test_the_pages_console_lines_are_true() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted == 4 and result.failed == 0


def test_the_pages_table_is_that_of_the_stored_result() -> None:
    stored = json.loads(next((ROOT / "benchmarks" / "results").glob("plan_memory-*.json")).read_text())
    figures: dict[int, list[float]] = {}
    for row in stored["rows"]:
        if "ranks" not in row["metric"]:
            figures.setdefault(row["n"], []).append(row["value"])
    for samples, values in figures.items():
        line = f"| {samples:,} | " + " | ".join(f"{value:g}" for value in values) + " |"
        assert line in PAGE.read_text(encoding="utf-8")

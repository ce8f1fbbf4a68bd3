"""The tables that the documentation makes from the library, and the pages it makes from benchmarks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import benchmark_pages
import catalogue_tables
import pytest

from affectkit.catalog import COMPONENTS, Kind
from affectkit.data.sources import SOURCES
from affectkit.recipes import recipes

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_kind_of_component_has_a_table() -> None:
    text = (DOCS / "components.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"```\{catalogue\} (\w+)", text)) == sorted(get_args(Kind))
    listed = [line for kind in get_args(Kind) for line in catalogue_tables.component_table(kind)[2:]]
    assert len(listed) == len(COMPONENTS)


def test_tables_have_a_row_for_each() -> None:
    small = {recipe.name for recipe in recipes() if recipe.name.endswith("_tiny")}
    assert len(catalogue_tables.recipe_table()) == 2 + len(recipes()) - len(small)
    rows = catalogue_tables.dataset_table()[2:]
    assert len(rows) == len(SOURCES)
    for target in re.findall(r"\]\(/(.*?)\)", "".join(rows)):
        assert (DOCS / target).is_file()


def test_a_bar_in_a_cell_stays_in_its_cell() -> None:
    assert catalogue_tables.table(["a"], [["x|y"]])[2] == "| x\\|y |"


PAGES = benchmark_pages.pages(ROOT / "benchmarks" / "results")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks" / "results").glob("*.json")), ids=lambda p: p.stem
)
def test_a_benchmark_page_has_hardware_date_command_and_every_row(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    page = PAGES[f"{path.stem}.md"]
    environment = found["environment"]
    for fact in (environment["date"], environment["commit"], *environment["versions"].values()):
        assert fact in page
    assert environment["hardware"] in page.replace("\\", "")
    assert found["command"].partition(";")[0] in page
    if "limit" in found:
        assert benchmark_pages.cell(found["limit"]["what"]) in page
    tables = page.partition("\n## ")[2]
    rows = [line for line in tables.splitlines() if line.startswith("| ")]
    metrics = {row["metric"] for row in found["rows"]}
    assert len(rows) == len(found["rows"]) + len(metrics)
    for row in found["rows"]:
        assert row["value"] is None or benchmark_pages.cell(row["value"]) in tables
        assert benchmark_pages.cell(row["system"]) in tables
    assert f"({path.stem}.md)" in PAGES["index.md"] and f"\n{path.stem}\n" in PAGES["index.md"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1486.3, "1,486.3"),
        (0.703, "0.703"),
        (3.1e-15, "3.1e-15"),
        (100000, "100,000"),
        (None, "—"),
        (True, "yes"),
        ("made up, {'audio': 300, 'text': 1024}", "made up, audio: 300, text: 1024"),
    ],
)
def test_numbers_stand_as_they_were_stored(value: object, text: str) -> None:
    assert benchmark_pages.shown(value) == text

"""The pages of sources state what the sources state."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectkit.data.sources import SOURCES
from affectkit.data.sources.column_map import TABLE_OPTIONS

PAGES = Path(__file__).parents[3] / "docs" / "sources"
NAMES = {
    "meld": "meld",
    "emobank": "emobank",
    "goemotions": "goemotions",
    "mosi": "mosi",
    "emodb": "emodb",
    "ferplus": "ferplus",
    "emorynlp": "emorynlp",
    "csv": "own_table",
    "jsonl": "own_table",
    "imagefolder": "imagefolder",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_page_states_command_options_licence_spaces_and_doubt(name: str) -> None:
    source = SOURCES[name]
    page = (PAGES / f"{NAMES[name]}.md").read_text(encoding="utf-8")
    assert source.template.created_by in page
    assert f"**Licence class**: {source.template.licence.klass}" in page
    assert "**Where the layout is documented**" in page
    assert ("**unverified**" in page) == (not source.verified)
    for stated in (source.template.label_space, source.template.dims, *source.template.extra_spaces.values()):
        assert stated is None or f"`{stated.name}`" in page
    for option in source.options:
        assert f"--option {option}=" in page or f"`{option}`" in page


def test_every_option_of_a_table_has_a_row() -> None:
    page = (PAGES / "own_table.md").read_text(encoding="utf-8")
    named = {
        word.strip("` ")
        for line in page.splitlines()
        if line.startswith("| `")
        for word in line.split("|")[1].split(",")
    }
    assert named == set(TABLE_OPTIONS)

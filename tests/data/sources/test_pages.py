"""Every page of a source says what the source says."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectkit.data.sources import SOURCES

PAGES = Path(__file__).parents[3] / "docs" / "sources"
NAMES = (
    "affectnet",
    "affectnet_folders",
    "affwild2",
    "caer",
    "dfer_clip",
    "dfew",
    "emoset",
    "emotiontalk",
    "ferv39k",
    "iemocap",
    "mafw",
    "merbench",
    "mmsa",
    "raer",
    "rafdb",
)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_states_command_order_licence_and_doubt(name: str) -> None:
    source = SOURCES[name]
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    flat = " ".join(page.split())
    assert source.template.created_by in page
    assert f"**Licence class**: {source.template.licence.klass}" in page
    assert "**Where the layout is documented**" in page
    assert ("unverified" in page) == (not source.verified)
    assert source.template.label_space is not None and source.template.label_space.name in flat
    if source.template.dims is not None:
        assert source.template.dims.name in flat
    for option in source.options:
        assert f"--option {option}=" in page or f"`{option}`" in page

"""The page carries its pictures, escapes what it is given and says the same twice."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

from affectkit.report.figures import learning_curves_figure
from affectkit.report.page import Page, Picture, Section, Table, render_page


def sample() -> tuple[Page, dict[str, bytes]]:
    picture = Picture("curves", learning_curves_figure({"train": [(0, 1.0)]}, {}), "Loss <over> epochs")
    table = Table("Scores", ["label", "F1"], [["joy & pride", "0.50"]])
    page = Page(
        title="A run",
        notice="Synthetic data.",
        highlights={"weighted F1": "57.3"},
        sections=[Section("Training", pictures=[picture], tables=[table])],
        facts={"seed": "0"},
        command="affectkit fit --config 'a b'",
    )
    return page, {picture.name: picture.png()}


class Tags(HTMLParser):
    """Checks nesting and collects what a browser would fetch."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.alternatives: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        for name in ("src", "href"):
            if values.get(name):
                self.addresses.append(str(values[name]))
        if tag == "img":
            self.alternatives.append(values.get("alt"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_fetches_nothing() -> None:
    page, images = sample()
    tags = Tags()
    tags.feed(render_page(page, images))
    assert tags.open == []
    assert all(address.startswith(("data:", "#")) for address in tags.addresses)
    assert tags.alternatives == ["Loss <over> epochs"]


def test_page_escapes_text() -> None:
    page, images = sample()
    text = render_page(page, images)
    assert "joy &amp; pride" in text
    assert "<over>" not in text


def test_page_carries_the_picture_itself() -> None:
    page, images = sample()
    found = re.search(r'src="data:image/png;base64,([^"]+)"', render_page(page, images))
    assert found is not None
    assert base64.b64decode(found[1]) == images["curves"]


def test_rendering_repeats_to_the_byte() -> None:
    assert sample()[1] == sample()[1]

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
    """Checks nesting and collects what a browser, or a screen reader, would look for."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif "table" in self.open:
            self.tables[-1].append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for _, attrs in self.tags if attribute in attrs]


def parsed() -> Tags:
    page, images = sample()
    tags = Tags()
    tags.feed(render_page(page, images))
    return tags


def test_page_is_well_formed_and_fetches_nothing() -> None:
    tags = parsed()
    assert tags.open == []
    assert all(address.startswith(("data:", "#")) for address in tags.values("src") + tags.values("href"))


def test_every_picture_is_told_in_words() -> None:
    pictures = [attrs for tag, attrs in parsed().tags if tag == "img"]
    assert [attrs.get("alt") for attrs in pictures] == ["Loss <over> epochs"]


def test_every_table_has_a_caption_and_scopes() -> None:
    tags = parsed()
    assert len(tags.tables) == 2
    for inside in tags.tables:
        assert inside[0] == "caption" and inside.count("caption") == 1
    scopes = [attrs.get("scope") for tag, attrs in tags.tags if tag == "th"]
    assert set(scopes) == {"col", "row"} and scopes.count("row") == 2


def test_a_table_of_words_stands_at_the_left() -> None:
    tables = [
        Table("Numbers", ["a", "b"], [["x", "1"]]),
        Table("Words", ["a", "b"], [["x", "y"]], words=True),
    ]
    tags = Tags()
    tags.feed(render_page(Page(title="A run", sections=[Section("Both", tables=tables)]), {}))
    # The last one is that of the facts of the run.
    assert [attrs.get("class") for tag, attrs in tags.tags if tag == "table"] == [None, "facts", "facts"]


def test_headings_are_in_order_and_what_is_named_is_there_once() -> None:
    tags = parsed()
    headings = [tag for tag, _ in tags.tags if re.fullmatch("h[1-6]", tag)]
    assert headings == ["h1", "h2", "h2"]
    ids = tags.values("id")
    assert len(ids) == len(set(ids))
    targets = [address[1:] for address in tags.values("href") if address.startswith("#")]
    assert set(targets) | set(tags.values("aria-labelledby")) <= set(ids)
    assert targets[0] == "main" and len(targets) == 3


def test_landmarks_language_and_width_of_the_window() -> None:
    tags = parsed()
    names = [tag for tag, _ in tags.tags]
    assert [names.count(name) for name in ("header", "nav", "main", "title")] == [1, 1, 1, 1]
    (html,) = (attrs for tag, attrs in tags.tags if tag == "html")
    assert html["lang"] == "en"
    assert any(attrs.get("content") == "width=device-width, initial-scale=1" for _, attrs in tags.tags)
    # What scrolls by itself can be reached by the keyboard, and says what it is.
    regions = [attrs for _, attrs in tags.tags if attrs.get("role") == "region"]
    assert len(regions) == 4 and all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in regions)


def test_focus_is_seen() -> None:
    page, images = sample()
    assert re.search(r"a:focus-visible.*outline: 3px", render_page(page, images))


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

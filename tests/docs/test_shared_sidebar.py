"""The shared tree of pages is the one that Sphinx resolves for each page."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from docutils import nodes
from shared_sidebar import seen_from
from sphinx.application import Sphinx

OPTIONS = {"collapse": False, "titles_only": True, "maxdepth": -1, "includehidden": True}
PAGES = {
    "index": ["one", "deep/two"],
    "one": [],
    "deep/two": ["three", "more/four"],
    "deep/three": [],
    "deep/more/four": [],
    "alone": [],
}


def absolute(tree: str, name: str) -> str:
    """The same tree with links from the topmost folder, and without marks on its lists."""
    folder = posixpath.dirname(name)

    def link(found: re.Match[str]) -> str:
        return f'href="{posixpath.normpath(posixpath.join(folder, found[1]))}"'

    return re.sub(r'href="([^"#]+)"', link, tree).replace('<ul class="current">', "<ul>")


def test_every_page_shows_what_sphinx_resolves_for_it(tmp_path: Path) -> None:
    for name, inside in PAGES.items():
        path = tmp_path / "source" / f"{name}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        contents = ["", ".. toctree::", "", *(f"   {other}" for other in inside), ""] if inside else [""]
        path.write_text("\n".join([f"Page {name}", "=" * 30, *contents]))
    app = Sphinx(
        tmp_path / "source",
        None,
        tmp_path / "site",
        tmp_path / "trees",
        "html",
        confoverrides={"extensions": ["shared_sidebar"]},
        status=None,
        warning=None,
    )
    resolved, shared = {}, {}

    def before(
        app: Sphinx, name: str, template: str, context: dict[str, object], tree: nodes.document
    ) -> None:
        resolved[name] = context["toctree"](**OPTIONS)  # type: ignore[operator]

    def after(
        app: Sphinx, name: str, template: str, context: dict[str, object], tree: nodes.document
    ) -> None:
        shared[name] = context["toctree"](**OPTIONS)  # type: ignore[operator]

    app.connect("html-page-context", before, priority=300)
    app.connect("html-page-context", after, priority=450)
    app.build()
    assert set(PAGES) <= set(shared)
    for name in PAGES:
        assert absolute(shared[name], name) == absolute(resolved[name], name)
    assert (
        shared["deep/more/four"].count(" current") == 2
        and 'href="../../one.html"' in shared["deep/more/four"]
    )
    assert " current" not in shared["alone"]


def test_links_to_other_sites_stay() -> None:
    tree = '<li class="toctree-l1"><a class="reference external" href="https://example.org">x</a></li>'
    assert seen_from(tree, "one.html", up="../") == tree

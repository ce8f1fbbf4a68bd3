"""The tree of all pages, which stands beside each, resolved once.

Sphinx resolves it anew for every page, with copies of the contents of all others. The trees of two pages
differ in where links start from and in which entry is the page itself.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment.adapters.toctree import global_toctree_for_doc

#: An entry: how deep it is, and where it leads.
ENTRY = re.compile(r'<li class="toctree-l(\d+)"><a class="reference internal" href="([^"]*)">')


def seen_from(tree: str, page: str, *, up: str) -> str:
    """The tree of the first page as another page shows it.

    Args:
        tree: Lists inside lists, with links from the topmost folder.
        page: The link to the other page in it.
        up: What leads from there to the topmost folder, e.g. ``"../"``.
    """
    above: list[int] = []
    current: list[int] = []
    for entry in ENTRY.finditer(tree):
        above = [*above[: int(entry[1]) - 1], entry.start()]
        if entry[2] == page:
            current = above
            break

    def written(entry: re.Match[str]) -> str:
        level, target = entry.groups()
        inside = " current" if entry.start() in current else ""
        link = 'class="current reference internal" href="#"'
        if target != page:
            link = f'class="reference internal" href="{up}{target}"'
        return f'<li class="toctree-l{level}{inside}"><a {link}>'

    return ENTRY.sub(written, tree)


def setup(app: Sphinx) -> dict[str, bool]:
    """Put the shared tree in the place of the one that Sphinx offers to the theme."""
    trees: dict[str, str] = {}

    def share(
        app: Sphinx, name: str, template: str, context: dict[str, object], doctree: nodes.document | None
    ) -> None:
        builder = app.builder
        if not isinstance(builder, StandaloneHTMLBuilder):
            return

        def toctree(
            *, collapse: bool, titles_only: bool = False, maxdepth: int = -1, includehidden: bool = False
        ) -> str:
            options = f"{collapse} {titles_only} {maxdepth} {includehidden}"
            if options not in trees:
                found = global_toctree_for_doc(
                    app.env,
                    app.config.root_doc,
                    builder,
                    tags=builder.tags,
                    collapse=collapse,
                    titles_only=titles_only,
                    maxdepth=maxdepth,
                    includehidden=includehidden,
                )
                trees[options] = builder.render_partial(found)["fragment"]
            here = builder.get_relative_uri(app.config.root_doc, name)
            return seen_from(trees[options], here, up="../" * name.count("/"))

        context["toctree"] = toctree

    # before the theme, which asks for the tree
    app.connect("html-page-context", share, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Tables in a page: ``{catalogue} recipes``, ``datasets`` or a kind of component."""

from __future__ import annotations

from typing import get_args

from catalogue_tables import TABLES, component_table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from affectkit.catalog import Kind


class Catalogue(SphinxDirective):
    """A table of the library; its one argument says of what."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        what: str = self.arguments[0]
        if what not in TABLES and what not in get_args(Kind):
            raise self.error(f"There is no table of {what!r}: use {', '.join([*TABLES, *get_args(Kind)])}.")
        lines = TABLES[what]() if what in TABLES else component_table(what)
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("catalogue", Catalogue)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

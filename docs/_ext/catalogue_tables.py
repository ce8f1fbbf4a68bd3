"""Tables that are made from the library itself, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from affectkit.catalog import COMPONENTS
from affectkit.data.sources import SOURCES
from affectkit.recipes import recipes


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)]


def recipe_table() -> list[str]:
    """The recipes, without their small variants."""
    found = {recipe.name: recipe for recipe in recipes()}
    rows = [
        (f"`{name}`", recipe.summary, f"`{name}_tiny`" if f"{name}_tiny" in found else "")
        for name, recipe in found.items()
        if not name.endswith("_tiny")
    ]
    return table(["recipe", "what it trains", "small variant"], rows)


def dataset_table() -> list[str]:
    """The sources of published data, each with a link to its page."""
    rows = [
        (
            f"[{name}](/sources/{page_of_source(name)}.md)",
            plain(source.description),
            source.template.kind,
            f"`{source.template.label_space.name}`" if source.template.label_space is not None else "",
            source.template.licence.klass,
            "compared with its files" if source.verified else "from its description",
        )
        for name, source in sorted(SOURCES.items())
    ]
    return table(["source", "what it is", "kind", "labels", "terms", "layout"], rows)


def plain(text: str) -> str:
    """Text whose stars and underscores are no emphasis in Markdown."""
    return text.replace("*", "\\*").replace("_", "\\_")


def page_of_source(name: str) -> str:
    """The page that explains a source: its own, or that of all tables."""
    own = Path(__file__).parents[1] / "sources" / f"{name}.md"
    return name if own.is_file() else "own_table"


def component_table(kind: str) -> list[str]:
    """The components of a kind."""
    rows = [
        (
            f"{{doc}}`{row.name} </mechanisms/{row.name}>`",
            ", ".join(row.modalities),
            row.paper or "",
            row.status,
        )
        for row in sorted(COMPONENTS, key=lambda row: row.name)
        if row.kind == kind
    ]
    return table(["name", "reads", "source", "checked"], rows)


TABLES: dict[str, Callable[[], list[str]]] = {
    "recipes": recipe_table,
    "datasets": dataset_table,
}

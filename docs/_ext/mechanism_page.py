"""The text of a page: from the catalogue and a docstring to reStructuredText."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from mechanism_facts import explained_in, golden_of, meanings, place_of, recipes_of
from mechanism_text import Docstring, equation, has_equation, read, resolved

from affectkit.catalog import COMPONENTS, Component

#: Kinds whose pages need an equation.
WITH_EQUATION = (
    "adapter",
    "calibration",
    "context",
    "curriculum",
    "difficulty",
    "fusion",
    "head",
    "loss",
    "metric",
    "pacing",
    "schedule",
    "temporal",
    "weighting",
)


class IncompleteDocstringError(ValueError):
    """A docstring lacks what the page of its component needs."""


class Shown(NamedTuple):
    """A picture as a page shows it.

    Args:
        file: Start of its files' names, without theme and ending.
        alt: What it shows.
        caption: What is drawn.
    """

    file: str
    alt: str
    caption: str


def heading(text: str, mark: str) -> list[str]:
    """A title and its underline."""
    return [text, mark * len(text), ""]


def is_doctest(paragraph: str) -> bool:
    """Whether a paragraph of an example is statements, not a sentence about them."""
    return paragraph.lstrip().startswith(">>>")


def literal(text: str) -> str:
    """Text that reStructuredText leaves as it is."""
    for mark in "\\`*_|":
        text = text.replace(mark, "\\" + mark)
    return text


def check(row: Component, kind: type, doc: Docstring) -> None:
    """Refuse a docstring that does not say what a page is for.

    Raises:
        IncompleteDocstringError: If an equation, a deviation, a source or an example is missing.
    """
    remedy = f"write it into the docstring of {row.path}."
    if row.kind in WITH_EQUATION and not has_equation(doc):
        raise IncompleteDocstringError(f"a {row.kind} needs an equation, and {row.name} has none: {remedy}")
    if row.status == "rebuilt" and "Deviation from the paper" not in doc.sections:
        raise IncompleteDocstringError(f"{row.name} is rebuilt and does not say what differs: {remedy}")
    if row.status == "verified" and not (row.paper or golden_of(row)):
        raise IncompleteDocstringError(
            f"{row.name} is verified and has no source: name its paper in affectkit/catalog."
        )
    if not doc.summary:
        raise IncompleteDocstringError(f"{row.name} does not say what it is: {remedy}")


def source(row: Component, doc: Docstring) -> str:
    """Where a mechanism is from, in one line; the full references stand further down."""
    if row.paper:
        return literal(row.paper)
    if "References" in doc.sections:
        return "see the references"
    return "in common use, without a paper of its own"


def facts(row: Component, kind: type, doc: Docstring) -> list[str]:
    """The table at the top."""
    room = row.path.rpartition(".")[0]
    rows = [
        ("Kind", f":doc:`{row.kind} <index>`"),
        ("Import", f"``from {room} import {row.name}``"),
        ("Reads", ", ".join(row.modalities) or "features of any modality"),
        ("From", source(row, doc)),
        ("Status", f"{row.status}: {meanings('Status')[row.status]}"),
        ("Source", f"``{place_of(kind)}``"),
    ]
    if row.aliases:
        rows.insert(2, ("Also known as", literal(", ".join(row.aliases))))
    if row.extra:
        rows.append(("Needs", f"``pip install affectkit[{row.extra}]``"))
    lines = [".. list-table::", "   :class: facts", "   :widths: 20 80", ""]
    for name, value in rows:
        lines += [f"   * - {name}", f"     - {value}"]
    return [*lines, ""]


def image(shown: Shown) -> list[str]:
    """A picture in both themes."""
    lines: list[str] = []
    for theme in ("light", "dark"):
        lines += [
            f".. image:: pictures/{shown.file}.{theme}.svg",
            f"   :class: only-{theme}",
            "   :width: 100%",
            f"   :alt: {shown.alt}",
            "",
        ]
    return [*lines, literal(shown.caption), ""]


def page(row: Component, kind: type, pictures: Sequence[Shown]) -> str:
    """The whole page of a component.

    Raises:
        IncompleteDocstringError: If its docstring lacks what the page needs.
    """
    doc = read(kind)
    check(row, kind, doc)
    room = row.path.rpartition(".")[0]

    def text(part: str) -> list[str]:
        return [*resolved(part, row.path, kind).splitlines(), ""]

    # In no tree of contents, see `index`; the way back stands above the text instead.
    lines = [":orphan:", "", *heading(row.name, "="), ":doc:`All mechanisms <index>`", ""]
    lines += [f".. py:currentmodule:: {room}", "", *text(doc.summary)]
    alone = equation(doc)
    if alone is not None:
        lines += [".. math::", "", *textwrap.indent(alone, "   ").splitlines(), ""]
    lines += text(doc.prose)
    for shown in pictures:
        lines += image(shown)
    lines += facts(row, kind, doc)
    if "Note" in doc.sections:
        lines += [*heading("Note", "-"), *text(doc.sections["Note"])]
    if "Examples" in doc.sections:
        lines += heading("Example", "-")
        for is_code, parts in groupby(doc.sections["Examples"].split("\n\n"), key=is_doctest):
            block = "\n\n".join(parts)
            code = [".. code-block:: pycon", "", *textwrap.indent(block, "   ").splitlines(), ""]
            lines += code if is_code else text(block)
    used = recipes_of(row)
    if used:
        lines += [*heading("Recipes", "-"), "Each is trained by ``affectkit fit --config recipe:NAME``.", ""]
        lines += [f"* ``{recipe.name}``: {literal(recipe.summary)}" for recipe in used] + [""]
    lines += [*heading("Arguments", "-"), f".. autoclass:: {row.path}", "   :no-index:", ""]
    for title in ("Deviation from the paper", "References"):
        if title in doc.sections:
            lines += [*heading(title, "-"), *text(doc.sections[title])]
    held = golden_of(row)
    if held:
        lines += [
            *heading("Stored numbers", "-"),
            "Numbers of a reference implementation, which a test compares with:",
            "",
        ]
        for path, names in held:
            lines.append(f"* {', '.join(f'``tests/golden/{name}``' for name in names)}, in ``{path}``")
        lines.append("")
    pages = explained_in(row)
    if pages:
        lines += [*heading("More", "-"), *(f"* :doc:`/{name}`" for name, _ in pages), ""]
    return "\n".join(lines)


def index(rows: Iterable[tuple[Component, type]]) -> str:
    """Tables of all components by kind."""
    known = sorted(rows, key=lambda one: (one[0].kind, one[0].name.lower()))
    kinds = sorted({row.kind for row, _ in known})
    lines = [
        *heading("Mechanisms", "="),
        f"The {len(known)} components of the library, each with its equation, a picture that the component "
        "itself draws, an example and what differs from its source.",
        "",
        *(f"* **{status}**: {meaning}" for status, meaning in meanings("Status").items()),
        "",
    ]
    for kind_name in kinds:
        lines += [*heading(kind_name.capitalize(), "-")]
        lines += [".. list-table::", "   :class: names", ""]
        for row, kind in known:
            if row.kind == kind_name:
                doc = read(kind)
                summary = resolved(doc.summary, row.path, kind)
                lines += [f"   * - :doc:`{row.name}`", f"     - {summary}"]
        lines.append("")
    # No tree of contents: the theme writes the whole tree into every page, and this index is the way here.
    return "\n".join([*lines, ""])


def links(rows: Sequence[Component]) -> str:
    """What a page in Markdown gets at its end: the components that it explains."""
    if not rows:
        return ""
    items = "\n".join(
        f"* :doc:`/mechanisms/{row.name}`" for row in sorted(rows, key=lambda row: row.name.lower())
    )
    listing = f".. hlist::\n   :columns: 3\n\n{textwrap.indent(items, '   ')}\n"
    return f"\n\n## Mechanisms on this page\n\n```{{eval-rst}}\n{listing}```\n"


def all_rows() -> tuple[Component, ...]:
    """Every component that gets a page."""
    return COMPONENTS

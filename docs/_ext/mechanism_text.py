"""A docstring in its sections, and what a page takes from each."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

SECTION = re.compile(r"^([A-Z][A-Za-z]+(?: [a-z]+)*):$")
#: Sections that ``autoclass`` writes on a page; the others have places of their own there.
DIRECTIVE_SECTIONS = ("Args", "Shape", "Raises")
INLINE = re.compile(r":math:`([^`]+)`")
RELATIVE = re.compile(r":(meth|attr):`(?![~.]?affectkit)([A-Za-z_]+)`")


class Docstring(NamedTuple):
    """A Google-style docstring.

    Args:
        summary: Its first paragraph.
        prose: What stands between that and the first section.
        sections: Text of each section by its title, without the indentation.
    """

    summary: str
    prose: str
    sections: dict[str, str]


def read(kind: type) -> Docstring:
    """Cut the docstring of a class into its sections."""
    lines = (inspect.getdoc(kind) or "").splitlines()
    starts = [place for place, line in enumerate(lines) if SECTION.match(line)]
    head = lines[: starts[0]] if starts else lines
    summary, _, prose = "\n".join(head).partition("\n\n")
    sections = {}
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        found = SECTION.match(lines[start])
        assert found is not None
        sections[found[1]] = inspect.cleandoc("\n" + "\n".join(lines[start + 1 : end]))
    return Docstring(" ".join(summary.split()), prose.strip(), sections)


def equation(doc: Docstring) -> str | None:
    """The equation that a page shows by itself; None where the prose displays one, or there is none."""
    if displayed(doc):
        return None
    found = [tex for tex in INLINE.findall(f"{doc.summary}\n{doc.prose}") if _says_something(tex)]
    return max(found, key=len) if found else None


def displayed(doc: Docstring) -> bool:
    """Whether the prose displays an equation."""
    return ".. math::" in doc.prose


def has_equation(doc: Docstring) -> bool:
    """Whether there is an equation at all."""
    return displayed(doc) or equation(doc) is not None


def _says_something(tex: str) -> bool:
    return len(tex) > 8 and any(mark in tex for mark in ("=", "\\", "+", "<"))


def resolved(text: str, path: str, kind: type) -> str:
    """Links to methods of the class itself, written so that they are found from another page."""

    def link(found: re.Match[str]) -> str:
        return f":{found[1]}:`~{path}.{found[2]}`" if hasattr(kind, found[2]) else found[0]

    return RELATIVE.sub(link, text)


def directive_lines(lines: list[str]) -> list[str]:
    """The lines of a docstring whose sections belong to the signature."""
    kept: list[str] = []
    wanted = False
    for line in lines:
        found = SECTION.match(line)
        if found is not None:
            wanted = found[1] in DIRECTIVE_SECTIONS
        if wanted:
            kept.append(line)
    return kept

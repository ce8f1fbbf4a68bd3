"""A page for each component of the catalogue, written before Sphinx looks for sources.

Pages and pictures are no part of the repository. A picture is drawn again only where something that it is
made of has changed; the digest of that lies beside it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import torch
from mechanism_facts import DOCS, ROOT, explained_on
from mechanism_page import Shown, all_rows, index, links, page
from mechanism_text import directive_lines
from sphinx.application import Sphinx
from sphinx.util import logging

from affectkit.catalog import Component

logger = logging.getLogger(__name__)

CASES = ROOT / "tests/contract/cases"
#: Rooms that no component is made of. All others count for every picture: a task is drawn with encoders, a
#: case builds its parts in other rooms, and a picture that is drawn again for nothing costs a second.
UNDRAWN = ("cli", "recipes", "report", "templates")
#: The modules here that write text; the others draw, or lead to what is drawn.
WRITING = ("mechanism_facts.py", "mechanism_page.py", "mechanism_pages.py", "mechanism_text.py")


def sources() -> list[Path]:
    """The files that pictures are made of: package, contract cases, and what draws."""
    package, here = ROOT / "affectkit", Path(__file__).parent
    modules = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in UNDRAWN]
    drawing = [path for path in here.glob("mechanism_*.py") if path.name not in WRITING]
    return sorted([*modules, *drawing, *CASES.glob("*.py")])


@functools.cache
def _sources_digest() -> str:
    state = hashlib.sha256(f"{torch.__version__} {matplotlib.__version__}".encode())
    for path in sources():
        state.update(path.relative_to(ROOT).as_posix().encode())
        state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


def digest(row: Component) -> str:
    """The state of everything that the pictures of a component are made of."""
    return hashlib.sha256(f"{row.path} {row.kind} {_sources_digest()}".encode()).hexdigest()


def kept(folder: Path, row: Component, state: str) -> list[Shown] | None:
    """The pictures of an earlier build, unless they are of another state."""
    note = folder / f"{row.name}.json"
    if not note.is_file():
        return None
    told = json.loads(note.read_text(encoding="utf-8"))
    if told.get("state") != state:
        return None
    found = [Shown(**one) for one in told["pictures"]]
    files = [folder / f"{one.file}.{theme}.svg" for one in found for theme in ("light", "dark")]
    return found if all(path.is_file() for path in files) else None


def drawn(folder: Path, row: Component, state: str) -> list[Shown]:
    """Draw the pictures of a component and note what they were made of."""
    # heavy, and not needed where all pictures are kept
    from mechanism_pictures import pictures

    found = []
    for ending, picture in pictures(row):
        file = f"{row.name}{ending}"
        for theme, text in picture.svg().items():
            write(folder / f"{file}.{theme}.svg", text)
        found.append(Shown(file, picture.alt, picture.caption))
    note = {"state": state, "pictures": [one._asdict() for one in found]}
    write(folder / f"{row.name}.json", json.dumps(note, indent=1))
    return found


def write(path: Path, text: str) -> None:
    """Write a file whose text changed, whole or not at all."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_pages(folder: Path, rows: Sequence[Component] | None = None) -> list[Path]:
    """Write the index, and the page and pictures of each component; remove what belongs to none."""
    sys.path[:0] = [str(CASES)] if str(CASES) not in sys.path else []
    from mechanism_classes import component_class

    chosen = all_rows() if rows is None else rows
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    written = [folder / "index.rst"]
    known = []
    for row in chosen:
        state = digest(row)
        shown = kept(pictures, row, state) or drawn(pictures, row, state)
        kind = component_class(row)
        known.append((row, kind))
        write(folder / f"{row.name}.rst", page(row, kind, shown))
        written.append(folder / f"{row.name}.rst")
    write(folder / "index.rst", index(known))
    names = {row.name for row in chosen}
    for path in (*folder.glob("*.rst"), *pictures.iterdir()):
        if path.name.partition(".")[0] not in names and path not in written:
            path.unlink()
    return written


def before_reading(app: Sphinx) -> None:
    """Write all pages."""
    written = write_pages(Path(app.srcdir) / "mechanisms")
    logger.info("mechanisms: %d pages", len(written))


def link_back(app: Sphinx, name: str, text: list[str]) -> None:
    """Name on a page the mechanisms that it explains."""
    if (DOCS / f"{name}.md").is_file():
        text[0] += links(explained_on(name))


def keep_arguments(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """On these pages the directive writes only what belongs to the signature."""
    if what == "class" and app.env.docname.startswith("mechanisms/"):
        lines[:] = directive_lines(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before sources are looked for, and link to them."""
    app.connect("builder-inited", before_reading)
    app.connect("source-read", link_back)
    # before napoleon, which rewrites the sections
    app.connect("autodoc-process-docstring", keep_arguments, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

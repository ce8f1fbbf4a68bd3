"""A page that carries everything it shows: HTML with pictures and style inside, no network."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from affectkit.atomic_file import write_atomically


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with the name of its file, the sentence that stands in for it, and its numbers.

    Args:
        name: Name of its file.
        figure: The figure.
        description: What it shows, for those who do not see it.
        numbers: What was drawn, for a file beside the picture.
    """

    name: str
    figure: Figure
    description: str
    numbers: Table | None = None

    @property
    def broad(self) -> bool:
        """Whether its lettering would be too small on a phone, so that it is scrolled there."""
        return bool(self.figure.get_figwidth() > 5)

    def png(self) -> bytes:
        """Render as PNG; the same figure gives the same bytes."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def write(self, folder: Path) -> Path:
        """Write ``NAME.png``, and ``NAME.csv`` where there are numbers; the path of the picture."""
        path = folder / f"{self.name}.png"
        write_atomically(path, self.png())
        if self.numbers is not None:
            write_atomically(path.with_suffix(".csv"), self.numbers.as_csv())
        return path


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under column headings; numbers are formatted by the caller.

    Args:
        caption: Stands above it.
        header: Headings of the columns.
        rows: The cells.
        words: Whether cells hold sentences or paths, which stand at the left and break where they must.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False

    def as_csv(self) -> bytes:
        """Header and rows as a file."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([self.header, *self.rows])
        return text.getvalue().encode("utf-8")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with text, pictures and tables in that order."""

    heading: str
    text: str = ""
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What a report says.

    Args:
        title: Heading of the page.
        notice: A sentence that the reader must not miss, e.g. that the data are synthetic.
        highlights: Headline figures, name to text.
        sections: The body.
        facts: Where the numbers come from: data, seeds, versions, hardware.
        command: The command that repeats the run.
    """

    title: str
    notice: str = ""
    highlights: Mapping[str, str] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


def render_page(page: Page, images: Mapping[str, bytes]) -> str:
    """Fill the page's template; ``images`` holds the PNG bytes of every picture by name."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("affectkit.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    encoded = {name: base64.b64encode(data).decode("ascii") for name, data in images.items()}
    return environment.from_string(source).render(page=page, images=encoded)

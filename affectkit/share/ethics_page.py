"""The page on ethics and law, which goes along with every model card."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from affectkit.atomic_file import write_atomically

#: Its name beside a card, by which the card links it.
ETHICS: Final = "ethics.md"
_PAGE: Final = Path(__file__).with_name("ethics.md")


def write_ethics(folder: Path) -> Path:
    """Write the page to a folder, whole or not at all, and give its path."""
    place = folder / ETHICS
    write_atomically(place, _PAGE.read_bytes())
    return place

"""One look for all pictures of mechanisms, drawn once and written for light and for dark pages."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours that the theme of the page decides; each is written so that it occurs nowhere else by chance.
INK, MUTED, LINE, BOX = "#1a1b1c", "#7a7b7c", "#cacbcc", "#f0f1f2"
THEMES = {
    "light": {INK: "#1f2328", MUTED: "#5b636d", LINE: "#d5dae0", BOX: "#f3f5f8"},
    "dark": {INK: "#e8eaed", MUTED: "#a3abb5", LINE: "#414850", BOX: "#262b31"},
}
#: Colours of curves and bars, of middle lightness so that both themes show them.
CURVES = ("#3f8fd4", "#e0812b", "#3aa276", "#a874d1", "#d5587c")
#: From little to much, and from negative over nothing to positive. Little is seen through: much stands out on
#: light pages and on dark ones.
SEQUENTIAL = mpl.colors.LinearSegmentedColormap.from_list("share", ["#3f8fd418", "#3f8fd4"])
DIVERGING = mpl.colors.LinearSegmentedColormap.from_list("signed", ["#3f8fd4", "#9aa0a628", "#e0812b"])

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "affectkit",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=CURVES),
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure and what it shows, in words for those who do not see it.

    Args:
        figure: The figure.
        alt: What it shows, with its numbers.
        caption: What is drawn, in a sentence below it.
    """

    figure: Figure
    alt: str
    caption: str

    def svg(self) -> dict[str, str]:
        """The picture in each theme, by the theme's name."""
        buffer = io.StringIO()
        with mpl.rc_context(STYLE):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        drawn = buffer.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, system-ui, sans-serif")
        written = {}
        for theme, colours in THEMES.items():
            text = drawn
            for name, colour in colours.items():
                text = text.replace(name, colour)
            written[theme] = text
        return written


def figure(width: float = 7.2, height: float = 2.7) -> Figure:
    """An empty figure in inches; call it inside :func:`styled`."""
    return Figure(figsize=(width, height), layout="constrained")


def styled() -> AbstractContextManager[object]:
    """The context in which everything is drawn."""
    return mpl.rc_context(STYLE)


def panels(
    titles: Sequence[str], *, height: float = 2.7, widths: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """A row of axes with their titles."""
    drawn = figure(height=height)
    row = drawn.subplots(1, len(titles), squeeze=False, width_ratios=widths)[0]
    for axes, title in zip(row, titles, strict=True):
        axes.set_title(title)
    return drawn, list(row)


def label(axes: Axes, x: str, y: str) -> None:
    """Name both axes, in lines that fit beside another panel."""
    axes.set_xlabel(textwrap.fill(x, 40))
    axes.set_ylabel(textwrap.fill(y, 26))


def number(value: float) -> str:
    """A number in three digits, without a needless exponent."""
    text = f"{value:.3g}"
    if "e" in text:
        text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.1e}"
    return text.replace("-", "−")


def listed(values: Iterable[float | Tensor]) -> str:
    """Several numbers in three digits."""
    return ", ".join(number(float(value)) for value in values)


def count(value: int) -> str:
    """A number of parameters, short."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return str(value)

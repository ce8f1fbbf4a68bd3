"""One look for every figure: quiet axes, colours that stay apart for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib import style
from matplotlib.rcsetup import cycler

#: Okabe and Ito's palette, without black.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
INK = "#1f2933"
MUTED = "#7b8794"
SEQUENTIAL = "Blues"

_SETTINGS = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=list(PALETTE)),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.dpi": 144,
    "figure.facecolor": "white",
    "font.size": 9,
    "legend.frameon": False,
    "savefig.bbox": "tight",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw inside this context to get the library's look without changing the user's settings."""
    with style.context(_SETTINGS):
        yield

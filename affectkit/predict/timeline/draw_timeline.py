"""The curves of a file as a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from affectkit.atomic_file import write_atomically
from affectkit.predict.timeline.timeline import Timeline

# Okabe and Ito's palette, which stays apart for colour-blind readers; dashes tell the curves apart in grey.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: Final = ("-", "--", "-.", ":", "-", "--", "-.")
_DPI: Final = 100
#: Pixels of a strip for each time: twice what the longest ones need.
_LABEL: Final = 60


def write_timeline(timeline: Timeline, path: Path) -> None:
    """Draw the curves over time and write them as a PNG.

    Args:
        timeline: What is drawn.
        path: File to write.
    """
    figure = Figure(figsize=(9.0, 3.2), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    _draw(axes, timeline)
    left_out = f", {timeline.left_out} smaller labels not drawn" if timeline.left_out else ""
    axes.set_title(f"{Path(timeline.path).name}{left_out}", loc="left", fontsize=10)
    axes.set_xlabel("time (minutes:seconds)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())


class TimelineStrip:
    """The curves as a strip of pixels for under a video, with a line at the present.

    Args:
        timeline: What is drawn.
        width: Pixels of the strip.
        height: Its height.
    """

    def __init__(self, timeline: Timeline, *, width: int, height: int) -> None:
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        canvas: Any = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.18, 1.0, 0.8))
        _draw(axes, timeline)
        axes.set_ylabel("")
        axes.tick_params(axis="y", left=False, labelleft=False)
        axes.tick_params(axis="x", labelsize=6, pad=1, length=2)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=max(2, width // _LABEL), steps=[1, 2, 5, 10]))
        axes.legend(loc="upper right", frameon=True, framealpha=0.7, fontsize=6, ncols=2)
        canvas.draw()
        # The axes fill the strip, so that a time at its end would stand half outside.
        for label in axes.get_xticklabels():
            place = label.get_window_extent()
            if place.x0 < 0:
                label.set_horizontalalignment("left")
            elif place.x1 > width:
                label.set_horizontalalignment("right")
        canvas.draw()
        drawn: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba(), dtype=np.uint8)
        self._pixels = np.ascontiguousarray(drawn[:height, :width, :3])
        self._first, self._last = timeline.starts[0], timeline.stops[-1]

    def at(self, seconds: float) -> NDArray[np.uint8]:
        """The strip (H, W, 3) with a line where the video is."""
        strip = self._pixels.copy()
        share = (seconds - self._first) / max(self._last - self._first, 1e-9)
        place = min(max(round(share * (strip.shape[1] - 1)), 0), strip.shape[1] - 1)
        strip[:, max(0, place - 1) : place + 1] = (200, 0, 0)
        return strip


def _draw(axes: Axes, timeline: Timeline) -> None:
    for number, (name, curve) in enumerate(timeline.curves.items()):
        # A step a part: a part has one prediction for all of its length.
        times = [*timeline.starts, timeline.stops[-1]]
        axes.step(
            times,
            [*curve, curve[-1]],
            where="post",
            label=name,
            color=_COLOURS[number],
            linestyle=_DASHES[number],
            linewidth=1.4,
        )
    axes.set_xlim(timeline.starts[0], timeline.stops[-1])
    if timeline.unit == "probability":
        axes.set_ylim(0.0, 1.0)
    axes.set_ylabel(timeline.unit)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _clock(seconds: float) -> str:
    whole, tenth = divmod(round(10 * seconds), 10)
    return f"{whole // 60}:{whole % 60:02d}{f'.{tenth}' if tenth else ''}"

"""The picture of a flow: boxes for parts, arrows with what goes from one to the next."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from mechanism_canvas import BOX, CURVES, INK, LINE, MUTED, Picture, count, figure, styled
from mechanism_flow import MOST_BESIDE, Call, flow, layers
from torch import nn

#: In inches.
ROW, GAP, WIDTH = 0.5, 0.3, 7.2


def flow_picture(name: str, module: nn.Module, run: Callable[[], object]) -> Picture:
    """Draw what ``run`` makes ``module`` do."""
    calls = flow(module, run)
    total = sum(parameter.numel() for parameter in module.parameters())
    trained = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    return draw(name, calls, total, trained)


def draw(name: str, calls: list[Call], total: int, trained: int) -> Picture:
    """Draw calls in layers, inputs at the top."""
    rows: list[list[int]] = []
    for layer in layers(calls):
        rows += [layer[start : start + MOST_BESIDE] for start in range(0, len(layer), MOST_BESIDE)]
    height = len(rows) * ROW + (len(rows) - 1) * GAP + 0.1
    place: dict[int, tuple[float, float, float]] = {}
    with styled():
        drawn = figure(WIDTH, height)
        drawn.set_layout_engine("none")
        axes = drawn.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, height)
        axes.axis("off")
        for number, row in enumerate(rows):
            y = height - 0.05 - ROW / 2 - number * (ROW + GAP)
            wide = min(3.0, (WIDTH - 0.2 - 0.2 * (len(row) - 1)) / len(row))
            step = wide + 0.2
            start = WIDTH / 2 - step * (len(row) - 1) / 2
            for position, box_number in enumerate(row):
                place[box_number] = (start + position * step, y, wide)
        passed = 0
        for target, call in enumerate(calls):
            for source in sorted(call.sources):
                x0, y0, wide0 = place[source]
                x1, y1, wide1 = place[target]
                far = y0 - y1 > ROW + GAP + 0.05
                if far:
                    out = 0.3 + 0.13 * (passed % 5)
                    passed += 1
                    right = min(max(x0 + wide0 / 2, x1 + wide1 / 2) + out, WIDTH - 0.05)
                    begin, end = (x0 + wide0 / 2, y0), (x1 + wide1 / 2, y1)
                    path = Path(
                        [begin, (right, y0), (right, y0 - 0.15), (right, y1 + 0.15), (right, y1), end],
                        [Path.MOVETO, Path.CURVE3, Path.CURVE3, Path.LINETO, Path.CURVE3, Path.CURVE3],
                    )
                    arrow = FancyArrowPatch(
                        path=path,
                        arrowstyle="-|>",
                        mutation_scale=8,
                        color=MUTED,
                        linewidth=0.9,
                        fill=False,
                        zorder=1,
                    )
                else:
                    arrow = FancyArrowPatch(
                        (x0, y0 - ROW / 2),
                        (x1, y1 + ROW / 2),
                        arrowstyle="-|>",
                        mutation_scale=8,
                        color=MUTED,
                        linewidth=0.9,
                        shrinkA=0,
                        shrinkB=0,
                        zorder=1,
                    )
                axes.add_patch(arrow)
        for number, call in enumerate(calls):
            x, y, wide = place[number]
            colour = {"input": MUTED, "part": CURVES[0], "output": CURVES[2]}[call.kind]
            box = FancyBboxPatch(
                (x - wide / 2, y - ROW / 2),
                wide,
                ROW,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=BOX,
                edgecolor=colour if call.kind != "part" or call.trained else LINE,
                linewidth=1.2,
                zorder=2,
            )
            axes.add_patch(box)
            title, _, second = call.title.partition("\n")
            left = x - wide / 2 + 0.1
            characters = int((wide - 0.2) / 0.077)
            if call.times > 1:
                title = f"{title} × {call.times}"
            if call.kind != "part":
                axes.text(x, y, f"{title}  {call.detail}", ha="center", va="center", zorder=3, fontsize=8.5)
                continue
            size = f"{count(call.parameters)} parameters" if call.parameters else ""
            if call.parameters and not call.trained:
                size = f"{count(call.parameters)} frozen"
            lower = " · ".join(text for text in (second, call.detail, size if wide > 1.7 else "") if text)
            axes.text(
                left, y + 0.1, cut(title, characters), va="center", zorder=3, fontsize=8.5, weight="bold"
            )
            axes.text(
                left,
                y - 0.11,
                cut(lower, int((wide - 0.2) / 0.06)),
                va="center",
                zorder=3,
                fontsize=7.2,
                color=INK,
            )
    parts = [call for call in calls if call.kind == "part"]
    names = ", ".join(call.title.partition("\n")[0] for call in parts)
    inputs = ", ".join(call.detail for call in calls if call.kind == "input")
    outputs = ", ".join(f"{call.title} {call.detail}" for call in calls if call.kind == "output")
    share = "none of them learns" if not trained else f"{count(trained)} of them learn"
    size = f" It has {count(total)} parameters, {share}." if total else " It has no parameters."
    given = f" to {outputs}" if outputs else ""
    alt = f"Flow of {name}: from {inputs or 'its input'} through {names}{given}.{size}"
    caption = f"One run of a small {name}: what is called, in order, and the shape of what it gives.{size}"
    return Picture(drawn, alt, caption)


def cut(text: str, characters: int) -> str:
    """A text that fits, its end replaced by an ellipsis where it does not."""
    return text if len(text) <= characters else text[: characters - 1].rstrip(" ·.") + "…"

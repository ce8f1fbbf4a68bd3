"""What came of ``meld.py`` where models and curricula are compared: rows, a table and a picture."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure
from meld_systems import CURRICULUM_MODEL, WITHOUT, system_name

from affectkit.report.figures.style import INK, MUTED, PALETTE, figure_style

SHOWN: Final = ("weighted F1", "accuracy", "UAR", "dev weighted F1")
GAIN: Final = "gain in weighted F1"
DEV_GAIN: Final = "gain in dev weighted F1"


class Cell(NamedTuple):
    """One system trained and tested with one seed; metrics in percent."""

    system: str
    seed: int
    dev: float
    epoch: int
    test: dict[str, float]
    seconds: float


def context_rows(cells: Sequence[Cell], published: Sequence[tuple[str, float, str]]) -> list[dict[str, Any]]:
    """Mean and deviation of each system and metric, and of its gain over the same without a curriculum."""
    found: list[dict[str, Any]] = []
    by_place = {(cell.system, cell.seed): cell for cell in cells}
    for system in dict.fromkeys(cell.system for cell in cells):
        model, _, curriculum = system.partition(" | ")
        mine = [cell for cell in cells if cell.system == system]
        values = {name: [cell.test[name] for cell in mine] for name in SHOWN[:3]}
        values["dev weighted F1"] = [cell.dev for cell in mine]
        # Seed by seed, of the seeds that both have.
        plain = [by_place.get((system_name(model, WITHOUT), cell.seed)) for cell in mine]
        pairs = [(cell, base) for cell, base in zip(mine, plain, strict=True) if base is not None]
        if curriculum != WITHOUT and pairs:
            values[GAIN] = [cell.test["weighted F1"] - base.test["weighted F1"] for cell, base in pairs]
            values[DEV_GAIN] = [cell.dev - base.dev for cell, base in pairs]
        for name, numbers in values.items():
            found.append(
                {
                    "system": system,
                    "model": model,
                    "curriculum": curriculum,
                    "metric": name,
                    "value": round(statistics.mean(numbers), 2),
                    "sd": round(statistics.stdev(numbers), 2) if len(numbers) > 1 else None,
                    "n": len(numbers),
                    "values": [round(value, 2) for value in numbers],
                }
            )
    for system, value, source in published:
        row = {"system": system, "metric": "weighted F1", "value": value, "sd": None, "n": None}
        found.append({**row, "published": True, "source": source})
    return found


def context_table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each system, in Markdown; gains seed by seed over the same model without a curriculum."""
    lines = [
        "| model | curriculum | seeds | weighted F1, test | gain, test | gain, dev | accuracy, test "
        "| UAR, test | weighted F1, dev |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    ours = [row for row in found if not row.get("published")]
    for system in dict.fromkeys(row["system"] for row in ours):
        mine = {row["metric"]: row for row in ours if row["system"] == system}
        head = mine["weighted F1"]
        cells = [_figure(head), *(_figure(mine.get(name), signed=True) for name in (GAIN, DEV_GAIN))]
        cells += [_figure(mine[name]) for name in SHOWN[1:]]
        lines.append(f"| {head['model']} | {head['curriculum']} | {head['n']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def context_figure(found: Sequence[Mapping[str, Any]]) -> Figure:
    """Gain of every curriculum over none: of one model on the left, of the same-speaker one on the right."""
    gains = [row for row in found if row["metric"] == GAIN]
    of_model = [row for row in gains if row["model"] == CURRICULUM_MODEL]
    names = [row["curriculum"] for row in of_model]
    several = [row for row in gains if sum(one["model"] == row["model"] for one in gains) == 1]
    shared = [row for row in of_model if several and row["curriculum"] == several[0]["curriculum"]]
    with figure_style():
        figure = Figure(figsize=(9.0, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, sharex=True)
        for axes, rows, labels, title in (
            (left, of_model, names, f"Curricula, on {CURRICULUM_MODEL}"),
            (
                right,
                [*shared, *several],
                [row["model"] for row in [*shared, *several]],
                "Same-speaker shifts",
            ),
        ):
            axes.axvline(0, color=MUTED, linewidth=1)
            for place, row in enumerate(rows):
                height = len(rows) - 1 - place
                axes.scatter(row["values"], [height] * len(row["values"]), s=12, color=PALETTE[5])
                axes.errorbar(row["value"], height, xerr=row["sd"] or 0.0, color=INK, marker="o", capsize=3)
            axes.set_yticks(range(len(rows)), labels=labels[::-1])
            axes.set(title=title, xlabel="gain in weighted F1 on test, seed by seed")
    return figure


def _figure(row: Mapping[str, Any] | None, *, signed: bool = False) -> str:
    if row is None:
        return ""
    value = f"{row['value']:+.2f}" if signed else f"{row['value']:.2f}"
    return value + ("" if row["sd"] is None else f" ± {row['sd']:.2f}")

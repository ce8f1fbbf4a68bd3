"""What came of ``cat_dim_text.py``: cells, their means, published figures, and the tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from cat_dim_systems import GRAPH, ONLY, SEPARATE, SYSTEMS, Mode

METRICS: Final = (
    *(f"Pearson {axis}" for axis in "VAD"),
    *(f"CCC {axis}" for axis in "VAD"),
    "macro F1, 28 labels",
    "macro F1, Ekman",
)
_README = "SungjoonPark/EmotionDetection, README"
#: Published figures in percent: system, metrics, source.
PUBLISHED: Final[tuple[tuple[str, dict[str, float], str], ...]] = (
    ("AAN", {"Pearson V": 42.4, "Pearson A": 35.2, "Pearson D": 26.5}, _README),
    ("Ensemble", {"Pearson V": 63.5, "Pearson A": 37.5, "Pearson D": 27.7}, _README),
    ("SRV-SLSTM", {"Pearson V": 62.0, "Pearson A": 50.8, "Pearson D": 33.3}, _README),
    ("RoBERTa-large, fine-tuned", {"Pearson V": 82.9, "Pearson A": 56.9, "Pearson D": 51.3}, _README),
    (
        "RoBERTa-large, categories only (GoEmotions)",
        {"Pearson V": 63.0, "Pearson A": 27.7, "Pearson D": 31.1},
        _README,
    ),
    ("BERT, fine-tuned", {"macro F1, 28 labels": 46.0}, "GoEmotions, ACL 2020, arXiv:2005.00547"),
    (
        "BERT, fine-tuned; a model for each set of labels",
        {"macro F1, 28 labels": 50.3, "macro F1, Ekman": 62.4},
        "monologg/GoEmotions-pytorch, README",
    ),
)
#: What separate heads must reach on the test split, in percent.
LEAST: Final[Mapping[Mode, Mapping[str, float]]] = {
    "frozen": {"Pearson V": 63.0, "Pearson A": 43.0, "Pearson D": 34.0},
    "finetuned": {"Pearson V": 72.0},
}


class Cell(NamedTuple):
    """One system trained and tested with one seed; scores in percent."""

    mode: Mode
    system: str
    seed: int
    dev: dict[str, float]
    test: dict[str, float]
    selection: float
    epoch: int
    thresholds: list[float]
    seconds: float


def best_graph(cells: Sequence[Cell]) -> str | None:
    """The graph whose mean over seeds is highest on dev, when frozen."""
    means = {
        system: statistics.mean(found)
        for system in SYSTEMS
        if system.startswith(GRAPH)
        and (found := [c.selection for c in cells if c.mode == "frozen" and c.system == system])
    }
    return max(means, key=lambda system: means[system], default=None)


def rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Mean and deviation of each mode, system and metric, differences by seed, and the published rows."""
    found: list[dict[str, Any]] = []
    by_place = {(cell.mode, cell.system, cell.seed): cell for cell in cells}
    for mode, system in dict.fromkeys((cell.mode, cell.system) for cell in cells):
        mine = [cell for cell in cells if (cell.mode, cell.system) == (mode, system)]
        head = {"mode": mode, "system": system}
        for name in METRICS:
            found.append({**head, "metric": name, **_summary([cell.test[name] for cell in mine])})
            found.append({**head, "metric": f"{name}, dev", **_summary([cell.dev[name] for cell in mine])})
        found.append({**head, "metric": "selection, dev", **_summary([cell.selection for cell in mine])})
        pairs = [
            (cell, by_place[mode, SEPARATE, cell.seed])
            for cell in mine
            if system not in (SEPARATE, ONLY) and (mode, SEPARATE, cell.seed) in by_place
        ]
        for name in METRICS if pairs else ():
            gains = [one.test[name] - other.test[name] for one, other in pairs]
            found.append({**head, "metric": f"{name}, over {SEPARATE}", **_summary(gains)})
    for system, values, source in PUBLISHED:
        for name, value in values.items():
            row = {"mode": "published", "system": system, "metric": name, "value": value, "sd": None}
            found.append({**row, "n": None, "published": True, "source": source})
    return found


def _summary(values: Sequence[float]) -> dict[str, Any]:
    spread = round(statistics.stdev(values), 2) if len(values) > 1 else None
    return {
        "value": round(statistics.mean(values), 2),
        "sd": spread,
        "n": len(values),
        "values": [round(value, 2) for value in values],
    }


def table(found: Sequence[Mapping[str, Any]], left_out: Sequence[Sequence[str]] = ()) -> str:
    """Test figures of each mode and system, in Markdown; ours with mean and deviation over the seeds.

    Args:
        found: Rows of :func:`rows`.
        left_out: Mode and system of what could not be measured without a lexicon.
    """
    lines = [
        "| encoder | system | seeds | r V | r A | r D | CCC V | CCC A | CCC D | F1, 28 | F1, Ekman |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for mode, system in dict.fromkeys((row["mode"], row["system"]) for row in found):
        mine = {row["metric"]: row for row in found if (row["mode"], row["system"]) == (mode, system)}
        seeds = next(iter(mine.values()))["n"] or ""
        figures = [_figure(mine.get(name)) for name in METRICS]
        lines.append(f"| {mode} | {system} | {seeds} | {' | '.join(figures)} |")
    for mode, system in left_out:
        lines.append(f"| {mode} | {system} | left out: no lexicon | {' | '.join('' for _ in METRICS)} |")
    return "\n".join(lines)


def gains(found: Sequence[Mapping[str, Any]]) -> str:
    """What each system adds to separate heads, seed by seed, in Markdown."""
    shown = ("Pearson V", "Pearson A", "Pearson D", "macro F1, 28 labels")
    lines = [
        f"| encoder | system, less {SEPARATE} | seeds | r V | r A | r D | F1, 28 |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode, system in dict.fromkeys((row["mode"], row["system"]) for row in found):
        mine = {row["metric"]: row for row in found if (row["mode"], row["system"]) == (mode, system)}
        pairs = [mine.get(f"{name}, over {SEPARATE}") for name in shown]
        if all(pairs):
            seeds = cast("Mapping[str, Any]", pairs[0])["n"]
            lines.append(f"| {mode} | {system} | {seeds} | {' | '.join(map(_gain, pairs))} |")
    return "\n".join(lines)


def _figure(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['value']:.1f}" + ("" if row["sd"] is None else f" ± {row['sd']:.1f}")


def _gain(row: Mapping[str, Any] | None) -> str:
    assert row is not None
    return f"{row['value']:+.1f}" + ("" if row["sd"] is None else f" ± {row['sd']:.1f}")


def failures(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Marks that separate heads fall short of."""
    return [
        f"{mode}, {SEPARATE}, {row['metric']}: {row['value']} < {least}"
        for mode, marks in LEAST.items()
        for name, least in marks.items()
        for row in found
        if (row["mode"], row["system"], row["metric"]) == (mode, SEPARATE, name) and row["value"] < least
    ]

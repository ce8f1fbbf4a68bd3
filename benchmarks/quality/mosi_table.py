"""From the cells of the benchmark on CMU-MOSI to its rows, its tables and where the errors lie."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import missing_modalities
import torch
from mosi_videos import read_videos

from affectkit.functional import confusion_counts, f1_score

#: Accuracy on the test split, with the modalities that were read and the source.
PUBLISHED: Final = (
    ("distributed", "bc-LSTM, text alone", 78.1),
    ("distributed", "bc-LSTM", 80.3),
    ("distributed", "CAT-LSTM", 81.3),
    ("distributed", "MMMU-BA", 82.3),
)
SOURCE: Final = "as quoted beside the features of bc-LSTM, which all of them read"
#: What a block is to reach with the system that is chosen on held-out videos, and its goal.
MARKS: Final[Mapping[str, tuple[float, float]]] = {"distributed": (79.0, 80.3), "encoder": (80.3, 82.3)}
METRICS: Final = ("accuracy", "weighted F1")


class Cell(NamedTuple):
    """One training.

    Attributes:
        block: What it read.
        system: Fusion, or the modality that was read alone.
        noise: Whether it was trained with noise.
        hidden: Rate of modalities that were hidden in training.
        held_out: How many of the training videos it was not trained on.
        seed: Seed.
        found: Accuracy on these, in percent; None where there were none.
        chances: Chance of a positive label of each test utterance.
        missing: The same with modalities missing, by their rate, once for each draw.
        seconds: What it took.
    """

    block: str
    system: str
    noise: bool
    hidden: float
    held_out: int
    seed: int
    found: float | None
    chances: list[float]
    missing: dict[str, list[list[float]]]
    seconds: float


class Utterances(NamedTuple):
    """The test split, in the order of ``Cell.chances``; all (N,)."""

    label: torch.Tensor
    words: torch.Tensor
    #: Whether the utterance before has the other label; False for the first of a video.
    turns: torch.Tensor
    first: torch.Tensor


def utterances(root: Path) -> Utterances:
    """What is known of every test utterance."""
    label, words, turns, first = [], [], [], []
    for sample in read_videos(root, (), "test").samples:
        before = None
        for turn in sample.record["utterances"]:
            label.append(turn["label"])
            words.append(len(turn["text"].split()))
            turns.append(before is not None and turn["label"] != before)
            first.append(before is None)
            before = turn["label"]
    return Utterances(torch.tensor(label), torch.tensor(words), torch.tensor(turns), torch.tensor(first))


def scores(chances: Sequence[float], label: torch.Tensor) -> dict[str, float]:
    """Accuracy and weighted F1 in percent."""
    counts = confusion_counts((torch.tensor(chances) > 0.5).long(), label, num_classes=2)
    return {
        "accuracy": 100 * float(counts.diagonal().sum() / counts.sum()),
        "weighted F1": 100 * float(f1_score(counts, average="weighted")),
    }


def rows(cells: Sequence[Cell], label: torch.Tensor) -> list[dict[str, Any]]:
    """Mean and deviation of each system over its seeds, with everything there, and the published rows."""
    found: list[dict[str, Any]] = []
    complete = [cell for cell in cells if not cell.hidden]
    for kind in dict.fromkeys(cell[:5] for cell in complete):
        block, system, noise, _, held_out = kind
        mine = [cell for cell in complete if cell[:5] == kind]
        tested = [scores(cell.chances, label) for cell in mine]
        columns = {name: [one[name] for one in tested] for name in METRICS}
        if held_out:
            columns["held-out accuracy"] = [cell.found for cell in mine if cell.found is not None]
        for metric, values in columns.items():
            found.append(
                {
                    "block": block,
                    "system": system if held_out else f"{system}, trained on all 62 videos",
                    "noise": noise,
                    "metric": metric,
                    "value": round(statistics.mean(values), 2),
                    "sd": round(statistics.stdev(values), 2) if len(values) > 1 else None,
                    "n": len(values),
                    "values": [round(value, 2) for value in values],
                }
            )
    for block, system, value in PUBLISHED:
        row = {"block": block, "system": system, "metric": "accuracy", "value": value, "sd": None, "n": None}
        found.append({**row, "published": True, "source": SOURCE})
    return found


def missing_rows(cells: Sequence[Cell], label: torch.Tensor) -> list[dict[str, Any]]:
    """The rows of ``missing_modalities``: each fusion, by what was hidden and what is missing."""
    both = {cell.system for cell in cells if cell.hidden}
    return missing_modalities.rows(
        [
            missing_modalities.Cell(
                cell.system,
                cell.hidden,
                cell.seed,
                {
                    "0.0": scores(cell.chances, label)["weighted F1"],
                    **{
                        rate: statistics.mean(scores(one, label)["weighted F1"] for one in draws)
                        for rate, draws in cell.missing.items()
                    },
                },
                cell.seconds,
            )
            for cell in cells
            if cell.block == "distributed" and cell.noise and cell.held_out and cell.system in both
        ]
    )


def chosen(found: Sequence[Mapping[str, Any]], block: str) -> str:
    """The system that is best on held-out videos, on average over the seeds."""
    held = [
        row
        for row in found
        if row["block"] == block and row["metric"] == "held-out accuracy" and row["noise"]
    ]
    best: str = max(held, key=lambda row: row["value"])["system"]
    return best


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each system trained with noise, in Markdown; the chosen one of each block is bold."""
    lines = [
        "| features | system | seeds | accuracy, test | weighted F1, test | accuracy, held out | source |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = [row for row in found if not row.get("published") and row["noise"]]
    for block in dict.fromkeys(row["block"] for row in ours):
        best = chosen(found, block)
        for system in dict.fromkeys(row["system"] for row in ours if row["block"] == block):
            mine = {row["metric"]: row for row in ours if (row["block"], row["system"]) == (block, system)}
            name = f"**{system}**" if system == best else system
            figures = " | ".join(
                _figure(mine[metric]) if metric in mine else "" for metric in (*METRICS, "held-out accuracy")
            )
            lines.append(f"| {block} | {name} | {mine['accuracy']['n']} | {figures} | measured |")
        for row in found:
            if row.get("published") and row["block"] == block:
                lines.append(f"| {block} | {row['system']} | | {row['value']:.1f} | | | published |")
    return "\n".join(lines)


def plain_table(found: Sequence[Mapping[str, Any]]) -> str:
    """What training without noise gives on held-out and on test videos, beside that with noise."""
    lines = [
        "| features | system | held out, plain | test, plain | held out, noise | test, noise |",
        "|---|---|---|---|---|---|",
    ]
    ours = [row for row in found if not row.get("published")]
    for block, system in dict.fromkeys((r["block"], r["system"]) for r in ours if not r["noise"]):
        cells = []
        for noise in (False, True):
            for metric in ("held-out accuracy", "accuracy"):
                key = (block, system, noise, metric)
                cells += [
                    _figure(r) for r in ours if (r["block"], r["system"], r["noise"], r["metric"]) == key
                ]
        lines.append(f"| {block} | {system} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _figure(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.1f}" + ("" if row["sd"] is None else f" ± {row['sd']:.1f}")


def failures(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Blocks whose chosen system is below their mark."""
    below = []
    for block, (least, _) in MARKS.items():
        if not any(row["block"] == block and row.get("noise") for row in found):
            continue
        name = chosen(found, block)
        # Trained on all videos, where that is there.
        best = max(
            (
                row
                for row in found
                if row["block"] == block
                and row["metric"] == "accuracy"
                and row.get("noise")
                and row["system"].partition(",")[0] == name
            ),
            key=lambda row: "," in row["system"],
        )
        if best["value"] < least:
            below.append(f"{block}: {best['system']} {best['value']} < {least}")
    return below


def errors(cells: Sequence[Cell], known: Utterances) -> list[dict[str, Any]]:
    """Accuracy of the chosen system of each block on parts of the test split, over all seeds together."""
    found: list[dict[str, Any]] = []
    noisy = [cell for cell in cells if cell.noise and cell.held_out and not cell.hidden]
    for block in dict.fromkeys(cell.block for cell in noisy):
        best = chosen(rows(noisy, known.label), block)
        mine = [cell for cell in noisy if (cell.block, cell.system) == (block, best)]
        for name, part in _parts(known, noisy):
            right, total = 0, 0
            for cell in mine:
                chance = torch.tensor(cell.chances)
                inside = part(cell.seed, chance)
                right += int(((chance > 0.5).long() == known.label)[inside].sum())
                total += int(inside.sum())
            found.append(
                {
                    "block": block,
                    "system": best,
                    "part": name,
                    "share": round(100 * total / (len(mine) * len(known.label)), 1),
                    "accuracy": round(100 * right / total, 1) if total else None,
                }
            )
    return found


_Part = Callable[[int, torch.Tensor], torch.Tensor]


def _always(rows_in: torch.Tensor, seed: int, chance: torch.Tensor) -> torch.Tensor:
    return rows_in


def _sure(low: float, high: float, seed: int, chance: torch.Tensor) -> torch.Tensor:
    confidence = torch.maximum(chance, 1 - chance)
    return (confidence >= low) & (confidence < high)


def _parts(known: Utterances, cells: Sequence[Cell]) -> Iterable[tuple[str, _Part]]:
    fixed = {
        "1 to 4 words": known.words <= 4,
        "5 to 9 words": (known.words > 4) & (known.words <= 9),
        "10 to 19 words": (known.words > 9) & (known.words <= 19),
        "20 words and more": known.words > 19,
        "positive": known.label == 1,
        "negative": known.label == 0,
        "first of its video": known.first,
        "label as before": ~known.turns & ~known.first,
        "other label than before": known.turns,
    }
    for name, rows_in in fixed.items():
        yield name, partial(_always, rows_in)
    sure = {
        "sure of it (above 90 %)": (0.9, 1.01),
        "70 to 90 %": (0.7, 0.9),
        "borderline (below 70 %)": (0, 0.7),
    }
    for name, (low, high) in sure.items():
        yield name, partial(_sure, low, high)
    alone = {
        (cell.system.removesuffix(" alone"), cell.seed): torch.tensor(cell.chances) > 0.5
        for cell in cells
        if cell.block == "distributed" and cell.system.endswith(" alone")
    }
    if alone:

        def agree(seed: int, count: int) -> torch.Tensor:
            votes = torch.stack([alone[name, seed] for name in ("text", "audio", "visual")]).sum(dim=0)
            return torch.maximum(votes, 3 - votes) == count

        yield "all three modalities alone agree", lambda seed, chance: agree(seed, 3)
        yield "one of them disagrees", lambda seed, chance: agree(seed, 2)


def errors_table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each part of the test split, in Markdown."""
    blocks = list(dict.fromkeys(row["block"] for row in found))
    heads = [f"{block}: share | accuracy" for block in blocks]
    lines = [f"| utterances | {' | '.join(heads)} |", "|---" * (1 + 2 * len(blocks)) + "|"]
    for part in dict.fromkeys(row["part"] for row in found):
        cells = []
        for block in blocks:
            (row,) = [one for one in found if (one["block"], one["part"]) == (block, part)]
            cells += [f"{row['share']:.1f}", "" if row["accuracy"] is None else f"{row['accuracy']:.1f}"]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    return "\n".join(lines)

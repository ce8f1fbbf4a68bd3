"""The tables of the page from the files of ``prompts.py``.

python benchmarks/speed/prompts_page.py prompts-count.json prompts.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[Mapping[str, Any]]
Cell = tuple[int, int]


def _cells(rows: Rows) -> dict[str, dict[Cell, dict[str, Mapping[str, Any]]]]:
    """Adapter, then classes and batch, then the form."""
    found: dict[str, dict[Cell, dict[str, Mapping[str, Any]]]] = {}
    for row in rows:
        if "adapter" in row:
            cells = found.setdefault(row["adapter"], {})
            cells.setdefault((row["classes"], row["batch"]), {})[row["system"]] = row
    return found


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def operations(rows: Rows) -> str:
    """Operations of a step, straightforward and ours, in every cell."""
    cells = _cells(rows)
    order = sorted({cell for found in cells.values() for cell in found})
    head = ["GFLOP a step", *(f"{classes} classes, batch {batch}" for classes, batch in order)]
    body = []
    for adapter, found in cells.items():
        line = [f"`{adapter}`"]
        for cell in order:
            if cell not in found:
                line.append("")
                continue
            plain, ours = found[cell]["straightforward"], found[cell]["affectkit"]
            less = ours["times_fewer_operations"]
            line.append(f"{plain['gflop']:,.0f} → {ours['gflop']:,.0f} ({less:.1f}x)")
        body.append(line)
    return _table(head, body)


def memory(rows: Rows) -> str:
    """Memory and operations of CoCoOp in its forms."""
    forms = ("straightforward", "affectkit", "affectkit, in four parts")
    body = []
    for (classes, batch), found in sorted(_cells(rows)["cocoop"].items()):
        line = [f"{classes} classes, batch {batch}"]
        line += [f"{found[form]['peak_mib']:,.0f}" for form in forms]
        body.append(line + [f"{found[form]['gflop']:,.0f}" for form in forms])
    head = ["`cocoop`", *(f"{form}, MiB" for form in forms), *(f"{form}, GFLOP" for form in forms)]
    return _table(head, body)


def savings(rows: Rows) -> str:
    """What each tower saves by itself."""
    body = []
    timed = any(row["value"] is not None for row in rows)
    for row in rows:
        if "part" in row:
            where = f"{row['classes']} classes" if "classes" in row else f"batch {row['batch']}"
            line = [
                f"{row['part']}, {where}: {row['system']}",
                f"{row['gflop']:,.1f}",
                f"{row['peak_mib']:,.0f}",
            ]
            body.append(line + ([f"{row['value']:,.0f}", f"{row['times_faster']:.2f}"] if timed else []))
    return _table(["", "GFLOP", "MiB", *(["ms", "times faster"] if timed else [])], body)


def times(rows: Rows) -> str:
    """Time of a step in every cell that was timed."""

    def shown(row: Mapping[str, Any] | None, key: str, form: str) -> str:
        return "" if row is None or row.get(key) is None else format(row[key], form)

    head = [
        "ms a step",
        "straightforward",
        "affectkit",
        "times faster",
        "times the cut towers",
        "stored features",
    ]
    body = []
    for adapter, found in _cells(rows).items():
        for (classes, batch), forms in sorted(found.items()):
            plain, ours, stored = (
                forms.get(name) for name in ("straightforward", "affectkit", "affectkit, stored features")
            )
            body.append(
                [
                    f"`{adapter}`, {classes} classes, batch {batch}",
                    shown(plain, "value", ",.0f"),
                    shown(ours, "value", ",.0f"),
                    shown(ours, "times_faster", ".2f"),
                    shown(ours, "times_the_towers", ".2f"),
                    shown(stored, "value", ",.1f"),
                ]
            )
    return _table(head, body)


COUNTED: Sequence[Callable[[Rows], str]] = (operations, memory, savings)
TIMED: Sequence[Callable[[Rows], str]] = (times, savings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("counted", type=Path, help="a file made with --count")
    parser.add_argument("timed", type=Path, help="a file made without")
    options = parser.parse_args()
    for path, tables in ((options.counted, COUNTED), (options.timed, TIMED)):
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        for table in tables:
            print(table(rows), end="\n\n")


if __name__ == "__main__":
    main()

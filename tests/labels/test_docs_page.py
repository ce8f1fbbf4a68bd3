from __future__ import annotations

import doctest
import re
from pathlib import Path

from affectkit.labels import affect_scales, label_spaces

PAGE = (Path(__file__).parents[2] / "docs" / "labels.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_table_of_orders_equals_the_registry() -> None:
    expected = []
    for space in label_spaces():
        marks = ["multi-label"] * (space.kind == "multilabel") + ["unverified"] * (not space.verified)
        note = "; ".join([*marks, *([space.note] if space.note else [])])
        expected.append([f"`{space.name}`", space.order(), space.source, note])
    assert table("Every registered order") == expected


def test_table_of_scales_equals_the_registry() -> None:
    expected = [
        [
            f"`{scale.name}`",
            ", ".join(scale.axes),
            f"{scale.low:g}..{scale.high:g}",
            ", ".join(f"{mark:g}" for mark in scale.absent) or "none",
            scale.source + ("" if scale.verified else " (unverified)"),
        ]
        for scale in affect_scales()
    ]
    assert table("Value ranges") == expected


def test_examples_run_as_printed() -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) >= 5
    test = doctest.DocTestParser().get_doctest("".join(blocks), {}, "labels.md", "docs/labels.md", 0)
    report: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)

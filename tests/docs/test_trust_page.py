"""The pages about trust and the report: their code runs, and what they name is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from affectkit import metrics
from affectkit.cli.main import build_parser
from affectkit.metrics import calibration_metrics

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "trust.md").read_text(encoding="utf-8")
REPORT = (DOCS / "report.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE + REPORT, re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE + REPORT, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_the_python_of_the_page_runs(number: int) -> None:
    exec(compile(PYTHON[number], "trust.md", "exec"), {"__name__": "page"})


def test_the_table_names_every_metric_of_the_collection() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", PAGE, re.MULTILINE)
    keys = {key for _, cell in rows for key in re.findall(r"`(\w+)`", cell)}
    assert keys == set(calibration_metrics(7))
    assert all(hasattr(metrics, name) for name, _ in rows)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_pages_are_understood(line: str) -> None:
    """What they do on trained runs is tested with the commands."""
    name, *arguments = shlex.split(line)
    assert name == "affectkit"
    assert callable(build_parser().parse_args(arguments).run)


def test_links_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^a-z0-9 ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    links = re.findall(r"trust\.md#([a-z-]+)", REPORT)
    assert links and set(links) <= headings

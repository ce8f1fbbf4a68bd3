"""The commands of the page about several data sets run as printed."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

from affectkit.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "perceptual.md"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning")
def test_every_block_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    commands = 0
    for kind, block in re.findall(r"```(python|bash)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if kind == "python":
            exec(compile(block, PAGE.name, "exec"), names)
            continue
        for line in block.splitlines():
            assert main(shlex.split(line)[1:]) == 0, line
            commands += 1
    assert commands == 3
    with (tmp_path / "feelings.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 14 and all(row["label"] and float(row["valence"]) < 9 for row in rows)

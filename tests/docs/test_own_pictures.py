"""The page about own pictures, from the folder to the sheet, as printed."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from affectkit.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "own_pictures.md"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_block_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(python|bash)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    printed: dict[str, str] = {}
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, PAGE.name, "exec"), names)
            continue
        for line in block.splitlines():
            arguments = shlex.split(line, comments=True)
            assert arguments[0] == "affectkit"
            capsys.readouterr()
            assert main(arguments[1:]) == 0, line
            printed[line] = capsys.readouterr().out

    # What a test through shards wrote and what predict says of the files are the same numbers.
    with (tmp_path / "predictions.csv").open(newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda row: row["path"])
    with (tmp_path / "runs" / "coop_tiny" / "latest" / "predictions.csv").open(newline="") as file:
        tested = sorted(csv.DictReader(file), key=lambda row: row["key"])
    assert len(found) == len(tested) == 14
    for mine, theirs in zip(found, tested, strict=True):
        assert Path(mine["path"]).stem in theirs["key"] and mine["label"] == theirs["prediction"]
        chances = [name for name in theirs if name.startswith("p_")]
        assert len(chances) == 7 and [mine[name] for name in chances] == [theirs[name] for name in chances]
    ranked = next(text for line, text in printed.items() if line.startswith("affectkit typical"))
    assert len(re.findall(r"^ *\d+  0\.\d{4}  faces/", ranked, re.MULTILINE)) == 10
    with Image.open(tmp_path / "joy.png") as sheet:
        assert sheet.width > sheet.height > 100

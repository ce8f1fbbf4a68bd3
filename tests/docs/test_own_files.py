"""The page about own files, command by command, as printed."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from affectkit.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "own_files.md"


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

    # What a test through shards wrote and what predict says of the files are the same probabilities.
    with (tmp_path / "voices.csv").open(newline="") as file:
        found = {Path(row["path"]).stem: row for row in csv.DictReader(file)}
    with (tmp_path / "runs" / "audio_emotion_tiny" / "latest" / "predictions.csv").open(newline="") as file:
        tested = list(csv.DictReader(file))
    assert len(found) == 28 and len(tested) == 7
    for theirs in tested:
        mine = found[theirs["key"]]
        assert mine["label"] == theirs["prediction"] and len(mine["data"]) == 64
        for name in theirs:
            if name.startswith("p_"):
                assert float(mine[name]) == pytest.approx(float(theirs[name]), abs=2e-6)
    parts = [json.loads(line) for line in (tmp_path / "parts.jsonl").read_text().splitlines()]
    assert len(parts) == 56 and {part["start"] for part in parts} == {0.0, 0.2}
    with (tmp_path / "turns.csv").open(newline="") as file:
        turns = list(csv.DictReader(file))
    assert [turn["text"] for turn in turns][:2] == ["I passed the exam!", "You did? That is great."]
    assert (
        turns[3]["part"] == "cue 1"
        and turns[3]["start"] == "1.500"
        and (tmp_path / "turns.film.png").is_file()
    )
    shown = next(
        text for line, text in printed.items() if line.startswith("affectkit predict talk.txt --model")
    )
    assert len(shown.splitlines()) == 4 and "turn in its dialogue" in shown

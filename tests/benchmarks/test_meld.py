"""The benchmark on MELD: its table, and a run on files that are made up."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
COLUMNS = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
)

# jsonargparse deprecates what Lightning and older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def meld() -> ModuleType:
    pytest.importorskip("transformers", reason="needs the extra 'text'")
    spec = importlib.util.spec_from_file_location("meld", ROOT / "benchmarks" / "quality" / "meld.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_what_the_files_hold(meld: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("meld-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert meld.table(result["rows"]) in page
    assert files[-1].name in page
    for row in result["rows"]:
        if not row.get("published"):
            assert row["n"] == len(row["values"]) == 5
            assert row["value"] == pytest.approx(sum(row["values"]) / 5, abs=0.011)
        else:
            assert row["source"]
    assert not result["limit"]["failures"] and "/" not in result["command"].replace("benchmarks/quality/", "")


def _write(folder: Path, *, dialogues: int) -> None:
    folder.mkdir()
    for split in ("train", "dev", "test"):
        with (folder / f"{split}_sent_emo.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS.split(","))
            for dialogue in range(dialogues):
                for place in range(3):
                    emotion = EMOTIONS[(dialogue + place) % 7]
                    time = "00:00:01,000"
                    row = [1, f"so {emotion}", "AB"[place % 2], emotion, "neutral", dialogue, place, 1, 1]
                    writer.writerow([*row, time, time])


def test_a_quick_run_writes_rows_and_keeps_its_cells(
    meld: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "meld", dialogues=17)
    call = ["--data", str(tmp_path), "--encoder", "tiny", "--quick", "--work", str(tmp_path / "work")]
    assert meld.main([*call, "--out", str(tmp_path / "one.json")]) == 0
    result = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result)
    ours = [row for row in result["rows"] if not row.get("published")]
    assert {row["system"] for row in ours} == {"erc_curriculum", "erc_curriculum without curriculum"}
    assert {row["metric"] for row in ours} == {"dev weighted F1", "weighted F1", "accuracy", "UAR"}
    assert all(row["n"] == 1 and 0 <= row["value"] <= 100 for row in ours)
    # Only one of the two systems opened its dialogues step by step.
    opened = [path.parent.name for path in (tmp_path / "work" / "runs").glob("*/curriculum.jsonl")]
    assert opened == ["erc_curriculum-0"]
    # One cell is taken as it was kept, the other is measured anew.
    cells = sorted((tmp_path / "work" / "cells").glob("*/*.json"))
    assert len(cells) == 2
    kept = json.loads(cells[0].read_text())
    cells[0].write_text(json.dumps({**kept, "dev": 12.5}))
    cells[1].unlink()
    assert meld.main([*call, "--out", str(tmp_path / "two.json")]) == 0
    again = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))["rows"]
    rows = {(row["system"], row["metric"]): row["value"] for row in again}
    assert rows[kept["system"], "dev weighted F1"] == 12.5
    assert [row for row in again if row["system"] != kept["system"]] == [
        row for row in result["rows"] if row["system"] != kept["system"]
    ]
    assert "[2/2]" in capsys.readouterr().out

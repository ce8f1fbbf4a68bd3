"""The benchmark on MELD: its table, and a run on files that are made up."""

from __future__ import annotations

import csv
import importlib
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from affectkit.conversation.named_context import CONTEXTS, MODALITY_CONTEXTS

ROOT = Path(__file__).parents[2]
EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
COLUMNS = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
)

# jsonargparse deprecates what Lightning and older releases of itself still need.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def meld() -> Iterator[ModuleType]:
    pytest.importorskip("transformers", reason="needs the extra 'text'")
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(ROOT / "benchmarks" / "quality"))
        yield importlib.import_module("meld")
        for name in ("meld", "meld_systems", "meld_table"):
            del sys.modules[name]


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


def test_the_page_shows_what_models_and_curricula_gave(meld: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("meld_context-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert meld.context_table(result["rows"]) in page and files[-1].name in page
    ours = [row for row in result["rows"] if not row.get("published")]
    assert all(row["value"] == pytest.approx(statistics.mean(row["values"]), abs=0.011) for row in ours)
    assert all(row["n"] == len(row["values"]) for row in ours)
    assert "/" not in result["command"].replace("benchmarks/quality/", "")


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
    folders = [path.parent for path in (tmp_path / "work" / "runs").glob("*/curriculum.jsonl")]
    assert [folder.name for folder in folders if not folder.is_symlink()] == ["erc_curriculum-0"]
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


def test_models_and_curricula_are_compared_seed_by_seed(
    meld: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "meld", dialogues=17)
    call = ["--data", str(tmp_path), "--encoder", "tiny", "--quick", "--work", str(tmp_path / "work")]
    call += ["--curricula", "SPCL draws"]
    call += ["--out", str(tmp_path / "found.json"), "--picture", str(tmp_path / "gains.png")]
    assert meld.main(call) == 0
    result = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    ours = [row for row in result["rows"] if not row.get("published")]
    assert list(dict.fromkeys(row["system"] for row in ours)) == [
        "bc_lstm | none",
        "bc_lstm | SPCL draws",
    ]
    assert (tmp_path / "gains.png").stat().st_size > 5_000
    assert "--curricula 'SPCL draws' --quick" in result["command"]
    # What was asked for is what was trained.
    folders = [path.parent for path in (tmp_path / "work" / "runs").glob("*/curriculum.jsonl")]
    runs = {folder.name for folder in folders if not folder.is_symlink()}
    assert runs == {"bc_lstm_spcl_draws-0"}
    config = yaml.safe_load((tmp_path / "work" / "runs" / "bc_lstm_spcl_draws-0" / "config.yaml").read_text())
    assert config["data"]["init_args"]["curriculum"]["class_path"].endswith("DrawnCurriculum")
    # Without measuring, what is finished is there and the rest is left out.
    assert meld.main([*call, "--finished", "--seeds", "3"]) == 0
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["rows"] == result["rows"]
    assert "| bc_lstm | SPCL draws | 1 |" in capsys.readouterr().out


def test_gains_are_differences_of_the_same_seed(meld: ModuleType) -> None:
    def cell(system: str, seed: int, value: float) -> object:
        return meld.Cell(system, seed, value - 2, 1, dict.fromkeys(meld.METRICS, value), 1.0)

    cells = [cell("a | none", seed, 50.0 + seed) for seed in range(3)]
    cells += [cell("a | x", 0, 51.0), cell("a | x", 2, 55.0), cell("b | x", 0, 40.0)]
    found = {(row["system"], row["metric"]): row for row in meld.context_rows(cells, ())}
    gain = found["a | x", "gain in weighted F1"]
    assert gain["values"] == [1.0, 3.0] and (gain["value"], gain["n"]) == (2.0, 2)
    assert gain["sd"] == pytest.approx(statistics.stdev([1.0, 3.0]), abs=0.01)
    # Nothing to compare with: no gain, and none for the plain model itself.
    assert ("b | x", "gain in weighted F1") not in found and ("a | none", "gain in weighted F1") not in found


def test_every_model_of_the_library_is_among_the_systems(meld: ModuleType) -> None:
    systems = importlib.import_module("meld_systems")
    assert {*CONTEXTS, *MODALITY_CONTEXTS} == set(systems.MODELS)
    every = systems.context_systems(systems.MODELS, systems.CURRICULA)
    assert len(every) == 2 * len(systems.MODELS) + len(systems.CURRICULA) - 2
    # What reads the modalities apart leaves nothing beside itself.
    for name in systems.MODELS:
        assert ("--model.init_args.residual" in every[f"{name} | none"]) == (name in MODALITY_CONTEXTS)
    assert {"0.5", "null"} < set(every["bc_lstm | HCL utterance"])

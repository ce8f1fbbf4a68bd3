"""The fine-tuned encoder on MELD: a run on files that are made up, kept and taken up again."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections.abc import Iterator
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
def bench() -> Iterator[ModuleType]:
    pytest.importorskip("transformers", reason="needs the extra 'text'")
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(ROOT / "benchmarks" / "quality"))
        yield importlib.import_module("meld_finetuned")
        for name in ("meld_finetuned", "meld", "meld_systems", "meld_table"):
            del sys.modules[name]


def write(folder: Path) -> None:
    folder.mkdir()
    for split in ("train", "dev", "test"):
        with (folder / f"{split}_sent_emo.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS.split(","))
            for dialogue in range(12):
                for place in range(3):
                    emotion = EMOTIONS[(dialogue + place) % 7]
                    time = "00:00:01,000"
                    row = [1, f"so {emotion}", "AB"[place % 2], emotion, "neutral", dialogue, place, 1, 1]
                    writer.writerow([*row, time, time])


def test_a_quick_run_keeps_its_seed_and_draws_curves(bench: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "meld")
    call = ["--data", str(tmp_path), "--encoder", "tiny", "--quick", "--work", str(tmp_path / "work")]
    call += ["--threads", "1", "--picture", str(tmp_path / "curves.png")]
    assert bench.main([*call, "--out", str(tmp_path / "one.json")]) == 0
    result = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result) and result["encoder"] == "tiny"
    ours = {row["metric"]: row for row in result["rows"] if not row.get("published")}
    assert set(ours) == {"dev weighted F1", "weighted F1", "accuracy", "UAR"}
    assert [len(points) for points in result["curves"]["0"].values()] == [1, 1, 1]
    assert (tmp_path / "curves.png").stat().st_size > 5_000
    # A finished seed is taken as it was kept.
    (kept,) = (tmp_path / "work" / "finetuned").glob("*.json")
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "dev": 12.5}))
    assert bench.main([*call, "--out", str(tmp_path / "two.json")]) == 0
    again = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))["rows"]
    assert {row["metric"]: row["value"] for row in again if not row.get("published")} == {
        **{name: row["value"] for name, row in ours.items()},
        "dev weighted F1": 12.5,
    }
    # One that was interrupted after an epoch goes on from there: nothing is left to train, it is tested.
    kept.unlink()
    (run,) = (tmp_path / "work" / "finetuned").glob("run-*")
    logged = (run / "metrics.csv").read_text(encoding="utf-8").count("val/weighted_f1")
    assert bench.main([*call, "--out", str(tmp_path / "three.json")]) == 0
    assert (run / "metrics.csv").read_text(encoding="utf-8").count("val/weighted_f1") == logged
    found = json.loads((tmp_path / "three.json").read_text(encoding="utf-8"))["rows"]
    assert found == result["rows"]


def test_the_page_shows_what_the_file_holds(bench: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("meld_finetuned-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert bench.table(result["rows"]) in page and files[-1].name in page
    (mean,) = [row for row in result["rows"] if row["metric"] == "weighted F1" and not row.get("published")]
    assert mean["value"] == pytest.approx(sum(mean["values"]) / mean["n"], abs=0.011)
    assert result["limit"]["failures"] == ([] if mean["value"] >= bench.GOAL else [mean["value"]])

"""The benchmark of label-free training: a quick run, and its table."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = ROOT / "benchmarks" / "quality" / "label_free.py"
    spec = importlib.util.spec_from_file_location("label_free", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_what_the_file_holds(benchmark: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("label_free-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "label_free.md").read_text(encoding="utf-8")
    assert benchmark.table(result["rows"]) in page and files[-1].name in page
    assert benchmark.failures(result["rows"]) == result["limit"]["failures"]


def test_a_quick_run_writes_every_row_and_goes_on(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--quick", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out.json")]
    assert benchmark.main(arguments) == 0
    result = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    # two numbers of labels for each system but the one that is trained at once
    assert len(result["rows"]) == 2 * 5 - 1
    shown = capsys.readouterr().out
    assert benchmark.table(result["rows"]) in shown and "[5/5]" in shown
    # Everything is finished already.
    assert benchmark.main(arguments) == 0
    assert "[1/5]" not in capsys.readouterr().out


def test_the_gain_is_paired_by_seed(benchmark: ModuleType) -> None:
    base, gains = (50.0, 60.0, 70.0), (4.0, 5.0, 6.0)
    cells = [benchmark.Cell("untrained", seed, {"40": value}, 1.0) for seed, value in enumerate(base)]
    cells += [
        benchmark.Cell("contrast", seed, {"40": value + gain}, 1.0)
        for seed, (value, gain) in enumerate(zip(base, gains))
    ]
    plain, found = benchmark.rows(cells)
    assert (plain["value"], plain["gain"]) == (60.0, 0.0) and found["gain"] == 5.0
    # unpaired, a deviation of 10 would hide a gain of 5
    assert 0 < found["low"] < 5 < found["high"]
    assert not benchmark.failures([plain, found])
    assert benchmark.failures([{**found, "low": -0.1}])

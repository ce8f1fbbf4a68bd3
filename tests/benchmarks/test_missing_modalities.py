"""The benchmark of missing modalities: a quick run, and its table."""

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
    path = ROOT / "benchmarks" / "quality" / "missing_modalities.py"
    spec = importlib.util.spec_from_file_location("missing_modalities", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_what_the_file_holds(benchmark: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("missing_modalities-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "fusion.md").read_text(encoding="utf-8")
    assert benchmark.table(result["rows"]) in page and files[-1].name in page
    assert benchmark.failures(result["rows"]) == result["limit"]["failures"]
    assert {row["system"] for row in result["rows"]} == set(benchmark.FUSIONS)


def test_a_quick_run_writes_every_row_and_goes_on(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--quick", "--fusions", "concat", "gated", "--work", str(tmp_path / "work")]
    arguments += ["--out", str(tmp_path / "out.json")]
    assert benchmark.main(arguments) == 0
    result = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert len(result["rows"]) == 2 * 3 * 3
    shown = capsys.readouterr().out
    assert benchmark.table(result["rows"]) in shown and "[4/4]" in shown
    # Everything is finished already.
    assert benchmark.main(arguments) == 0
    assert "[1/4]" not in capsys.readouterr().out


def test_the_gain_is_paired_by_seed(benchmark: ModuleType) -> None:
    cells = [
        benchmark.Cell(
            "gated", hidden, seed, {"0.0": 80.0, "0.3": 70.0, "0.5": 60.0 + seed + 10 * hidden}, 1.0
        )
        for hidden in (0.0, 0.3)
        for seed in range(3)
    ]
    found = benchmark.rows(cells)
    (gain,) = [row for row in found if row["metric"] == "gain of hiding" and row["missing"] == 0.5]
    assert (gain["value"], gain["low"], gain["high"]) == (3.0, 3.0, 3.0)
    # Nothing was gained at 0 and 30 %, which is not asked for.
    assert benchmark.failures(found) == []
    worse = [row | {"value": -1.0} if row is gain else row for row in found]
    assert benchmark.failures(worse) == ["gated: -1.00 at 50 % missing"]

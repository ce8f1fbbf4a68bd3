"""The speed benchmark of metric losses on small batches."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]
PARTS = ("count_work", "metric_losses")


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(ROOT / "benchmarks" / "speed"))
        yield importlib.import_module(PARTS[-1])
        for name in PARTS:
            sys.modules.pop(name, None)
    torch.set_num_threads(threads)


def test_every_system_is_timed_and_weighed(bench: ModuleType, tmp_path: Path) -> None:
    bench.main(["--quick", "--out", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    systems = {bench.LIMIT, bench.OURS} | ({bench.PEER} if bench.HAS_PEER else set())
    for loss in bench.AIMS:
        for metric in ("ms a step", "peak MiB of a step"):
            rows = [row for row in found["rows"] if row["loss"] == loss and row["metric"] == metric]
            assert {(row["system"], row["batch"]) for row in rows} == {
                (s, b) for s in systems for b in (32, 128)
            }
            assert all(row["value"] > 0 for row in rows)
    if bench.HAS_PEER:
        # All triplets are what the peer forms and we do not.
        peak = {
            row["system"]: row["value"]
            for row in found["rows"]
            if row["metric"].startswith("peak") and row["loss"] == "batch all" and row["batch"] == 128
        }
        assert peak[bench.OURS] < peak[bench.PEER] / 5
    assert found["command"].endswith("metric_losses.py --quick")


def test_what_is_missed_is_said(bench: ModuleType) -> None:
    row = {"system": bench.OURS, "loss": "batch all", "batch": 256, "peer_takes": 9.0}
    assert bench.targets([row], [])["missed"] == ["batch all, 256 rows: 9.0"]
    assert bench.targets([{**row, "peer_takes": 11.0}], [])["missed"] == []


def test_a_peer_that_would_need_too_much_memory_is_left_out(bench: ModuleType) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'bench'")
    cpu = torch.device("cpu")
    rows, reason = bench.measure("batch all", 64, rounds=2, device=cpu, peer_gib=1e-6)
    assert bench.PEER not in {row["system"] for row in rows} and "64 rows" in str(reason)


def test_systems_that_differ_are_not_timed(bench: ModuleType) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra 'bench'")
    systems = bench.make_systems("batch hard")
    bench.check_equal(systems, 32, torch.device("cpu"))
    systems[bench.PEER] = bench.make_systems("batch all")[bench.PEER]
    with pytest.raises(AssertionError, match="the loss of 32 rows is off by"):
        bench.check_equal(systems, 32, torch.device("cpu"))

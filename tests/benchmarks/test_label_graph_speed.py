"""The speed benchmark of label-graph heads on one small graph."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = ROOT / "benchmarks" / "speed" / "label_graph.py"
    spec = importlib.util.spec_from_file_location("label_graph_speed", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_system_is_timed_and_weighed_against_the_limit(bench: ModuleType) -> None:
    rows = bench.measure("all linked", 8, batch=4, rounds=2, device=torch.device("cpu"))
    systems = {bench.LIMIT, bench.OURS, bench.SPARSE, bench.GCN, bench.DENSE}
    for metric in ("us a step", "us an evaluation", "peak MiB of a step"):
        found = [row for row in rows if row["metric"] == metric]
        assert {row["system"] for row in found} == systems and all(row["value"] > 0 for row in found)
    limits = [row for row in rows if row["system"] == bench.LIMIT and "ratio_to_limit" in row]
    assert [row["ratio_to_limit"] for row in limits] == [1.0, 1.0]
    slow = [
        {**row, "ratio_to_limit": 2.0, "ratio_to_GCNConv": 0.6} for row in rows if "ratio_to_limit" in row
    ]
    missed = bench.targets(slow)
    assert missed["steps_over_1.15_of_the_limit"] == ["8 labels, all linked: 2.0"]
    assert missed["steps_over_0.5_of_GCNConv"] == ["8 labels, all linked: 0.6"]
    assert missed["evaluations_over_the_limit"] == ["8 labels, all linked: 2.0"]


def test_systems_that_differ_are_not_timed(bench: ModuleType) -> None:
    systems = bench.make_systems(bench.make_graph(8, "rule"), torch.device("cpu"))
    features = torch.ones(2, bench.WIDTHS[-1])
    bench.check_equal(systems, features)
    with torch.no_grad():
        systems[bench.SPARSE].head.network.weights[0].mul_(1.01)
    with pytest.raises(AssertionError, match="sparse is off by"):
        bench.check_equal(systems, features)


def test_memory_is_what_a_step_holds_at_its_worst(bench: ModuleType) -> None:
    with bench.Held() as held:
        first = torch.ones(256, 1024)  # 1 MiB
        second = first + 1
        del first
        third = second.view(-1)  # no memory of its own
        del second, third
        torch.zeros(256, 512)
    assert held.most == 2 * 2**20


def test_the_page_shows_what_the_file_holds(bench: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("label_graph-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert files[-1].name in page
    for metric in ("us a step", "us an evaluation"):
        assert bench.table(result["rows"], metric) in page
    # What a step holds stands in the table of what it takes.
    assert "MiB, GCNConv" in bench.table(result["rows"], "us a step").splitlines()[0]

"""The benchmark of prompts: what it counts, and a run on a tiny model."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

from affectkit.adapters import ADAPTERS

ROOT = Path(__file__).parents[2]
PARTS = ("count_work", "prompt_forms", "prompts_page", "prompts")


@pytest.fixture(scope="module")
def prompts() -> Iterator[ModuleType]:
    pytest.importorskip("open_clip", reason="needs the extra 'all'")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(ROOT / "benchmarks" / "speed"))
        yield importlib.import_module(PARTS[-1])
        for name in PARTS:
            sys.modules.pop(name, None)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("dry", [False, True])
def test_operations_and_memory_are_counted(prompts: ModuleType, dry: bool) -> None:
    count_work = sys.modules["count_work"].count_work
    x = torch.zeros(64, 32)
    first, second = (torch.zeros(32, 32, requires_grad=True) for _ in range(2))

    def forward(rows: Tensor) -> Tensor:
        return torch.relu(torch.relu(rows @ first) @ second)

    def plain() -> None:
        torch.autograd.backward(forward(x).sum())

    def again() -> None:
        result: Tensor = checkpoint(forward, x, use_reentrant=False)
        torch.autograd.backward(result.sum())

    shapes = FakeTensorMode(allow_non_fake_inputs=True) if dry else None
    product = 2 * 64 * 32 * 32
    found, recomputed = (count_work(work, shapes=shapes) for work in (plain, again))
    # Two products forward; backward both weights and the first activation, but not the input.
    assert found.flops == 5 * product and recomputed.flops == 7 * product
    activation = 4 * 64 * 32
    # Views of weights and inputs are not new memory; two activations live to the backward pass.
    assert 2 * activation < found.peak_bytes < 6 * activation
    for parameter in (first, second):
        parameter.grad = None


def test_memory_that_is_computed_again_is_not_counted_twice(prompts: ModuleType) -> None:
    cases = {case.name: case for case in prompts.CASES}
    module = prompts.build(cases["cocoop"], prompts.clip_base("tiny"), ["joy", "anger"])
    pictures = torch.randn(8, 32)

    def run() -> None:
        torch.autograd.backward(module.text_features(pictures).sum())

    count_work = sys.modules["count_work"].count_work
    whole = count_work(run)
    module.chunk_size = 2
    parts = count_work(run)
    assert whole.peak_bytes / 5 < parts.peak_bytes < whole.peak_bytes / 3
    assert whole.flops < parts.flops < 1.6 * whole.flops


def test_attention_without_a_graph_is_counted_as_with_one(prompts: ModuleType) -> None:
    count_work = sys.modules["count_work"].count_work
    attention = nn.MultiheadAttention(16, 2, batch_first=True).eval()
    x = torch.zeros(3, 5, 16)

    def run() -> None:
        attention(x, x, x, need_weights=False)

    counts = set()
    for learned in (True, False):
        attention.requires_grad_(learned)
        counts.add(count_work(run).flops)
    assert counts == {2 * 3 * 5 * 16 * (4 * 16 + 2 * 5)}


def test_a_quick_run_compares_every_adapter(
    prompts: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts.main(["--quick", "--classes", "7", "--out", str(tmp_path / "prompts.json")])
    result = json.loads((tmp_path / "prompts.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result)
    assert set(result["differences"]) == set(ADAPTERS)
    assert all(found["float64"] <= 1e-6 for found in result["differences"].values())
    rows = {(row.get("adapter"), row["system"]): row for row in result["rows"]}
    for adapter in ADAPTERS:
        plain, ours = (rows[adapter, system] for system in ("straightforward", "affectkit"))
        towers = rows[adapter, "cut towers alone"]
        assert plain["n"] == ours["n"] == 1 and plain["value"] > 0 and plain["times_faster"] == 1
        assert (ours["gflop"] < 0.4 * plain["gflop"]) == (adapter != "linear_probe")
        assert ours["peak_mib"] <= plain["peak_mib"]
        # Nothing beside the towers costs operations worth speaking of.
        assert towers["gflop"] <= ours["gflop"] <= 1.02 * towers["gflop"] + 0.0002
    for adapter in ("zero_shot", "clip_adapter", "tip_adapter"):
        anew, ours = (rows[adapter, system] for system in ("cut, encoded anew", "affectkit"))
        assert ours["gflop"] < anew["gflop"] < rows[adapter, "straightforward"]["gflop"]
    stored = {adapter for adapter, system in rows if system == "affectkit, stored features"}
    assert stored == set(ADAPTERS) - {"maple", "clip_lora"}
    parts = rows["cocoop", "affectkit, in four parts"]
    assert parts["peak_mib"] < rows["cocoop", "affectkit"]["peak_mib"]
    assert parts["gflop"] > rows["cocoop", "affectkit"]["gflop"]
    assert {row["target"] for row in result["targets"] if row["met"]} >= {
        "CoCoOp, affectkit / straightforward: memory",
        "CoCoOp, affectkit / straightforward: operations",
    }
    assert "text tower, prompts of CoOp" in capsys.readouterr().out


def test_a_form_that_differs_is_noticed(prompts: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    base = prompts.clip_base("tiny")
    case = next(case for case in prompts.CASES if case.name == "coop")
    images = prompts.pictures(base, 2)
    assert prompts.check_equal(case, base, ["joy", "anger"], images)["float64"] < 1e-10
    usual = prompts.straightforward

    def shifted(name: str, adapter: object) -> object:
        logits = usual(name, adapter)
        return lambda pictures: logits(pictures) * (1 + 1e-5)

    monkeypatch.setattr(prompts, "straightforward", shifted)
    with pytest.raises(AssertionError, match="coop differs from its straightforward form by 2"):
        prompts.check_equal(case, base, ["joy", "anger"], images)


def test_the_page_shows_what_the_files_hold(prompts: ModuleType) -> None:
    tables = importlib.import_module("prompts_page")
    results = ROOT / "benchmarks" / "results"
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    for pattern, wanted in (("prompts-count-*.json", tables.COUNTED), ("prompts-2*.json", tables.TIMED)):
        result = json.loads(sorted(results.glob(pattern))[-1].read_text(encoding="utf-8"))
        assert all(found["float64"] <= 1e-6 for found in result["differences"].values())
        for table in wanted:
            assert table(result["rows"]) in page

"""The speed benchmark of prediction on a few small pictures."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = ROOT / "benchmarks" / "speed" / "predict.py"
    spec = importlib.util.spec_from_file_location("predict_speed", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_prediction_stands_beside_reading_and_running(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "layers_like_reading", lambda items: 1)
    monkeypatch.setattr(bench, "ALLOWED", 0.0)
    threads = torch.get_num_threads()
    pictures = bench.make_pictures(tmp_path, 50, 32)
    assert len(list(pictures.iterdir())) == 50 and bench.make_pictures(tmp_path, 50, 32) == pictures
    rows, failures = bench.compare(tmp_path, pictures, 50, 1)
    assert torch.get_num_threads() == threads
    models = ["linear", "1 convolutions, as dear as reading"]
    systems = ["read", "forward", bench.AT_ONCE, "predict", "predict, rows alone"]
    assert [(row["model"], row["system"]) for row in rows] == [(m, s) for m in models for s in systems]
    assert all(row["value"] > 0 and row["times_the_limit"] > 0 for row in rows)
    assert [failure.split(":")[0] for failure in failures] == [f"predict, {model}" for model in models]
    by_name = {(row["model"], row["system"]): row for row in rows}
    for model in models:
        slower = max(by_name[model, name]["value"] for name in ("read", "forward"))
        for system in systems:
            row = by_name[model, system]
            # one round, so that the median of ratios is the ratio of the rounded medians
            assert row["times_the_slower_alone"] == pytest.approx(row["value"] / slower, rel=0.01)

"""The one script for a lent GPU, tried on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def test_every_part_runs_and_leaves_its_figures(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path), "--device", "cpu", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    for name, part in report["parts"].items():
        assert part["state"] == "done"
        assert json.loads((tmp_path / f"{name}.json").read_text())["rows"]


def test_what_ran_out_of_time_is_said_and_an_old_result_does_not_stand_for_it(tmp_path: Path) -> None:
    (tmp_path / "label_graph.json").write_text("{}")
    short = ("--minutes", "0.1", "--only", "label_graph")
    done = run("--out", str(tmp_path), "--device", "cpu", *short)
    assert done.returncode == 1
    assert json.loads((tmp_path / "gpu.json").read_text())["parts"]["label_graph"]["state"] == "out of time"
    assert not (tmp_path / "label_graph.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu_one_sentence_says_so(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path))
    assert done.returncode == 2
    assert "No GPU is visible" in done.stdout

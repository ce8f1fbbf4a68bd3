"""The demo makes what it says, keeps what it did not make, and its advice works as printed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.cli.demo import DemoError
from affectkit.cli.main import run
from affectkit.report import read_run

pytestmark = pytest.mark.distributed


def shell(command: str, folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_demo_and_what_it_says_to_try_next(tmp_path: Path) -> None:
    said = shell("affectkit demo --conversations 24 --seed 1", tmp_path)
    folder = tmp_path / "affectkit-demo" / "runs" / "demo" / "001"
    assert (folder / "report.html").is_file()
    found = read_run(folder)
    assert found.confusion is not None and found.shown
    score = found.metrics["test/weighted_f1"]
    assert score is not None and f"{score:.4f}" in said
    assert "synthetic" in said
    advice = [line.strip() for line in said.partition("try next:")[2].splitlines() if line.strip()]
    assert len(advice) >= 4
    for command in advice:
        shell(f"{command} --trainer.max_epochs 1" if " fit " in command else command, tmp_path)


def test_demo_leaves_alone_what_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "thesis.txt").write_text("mine")
    with pytest.raises(DemoError, match="left alone"):
        run(["demo", "--out", str(tmp_path)])
    assert (tmp_path / "corpus" / "thesis.txt").read_text() == "mine"

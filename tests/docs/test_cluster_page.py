"""The commands for several machines, as printed: two nodes by torchrun; then the SLURM script goes on.

``srun`` is a stand-in that starts one process for each node with SLURM's variables.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.callbacks import read_log
from affectkit.data.synthetic import write_synthetic
from affectkit.predict import extract_features, named_extractor

pytestmark = pytest.mark.distributed

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "many_machines.md").read_text(encoding="utf-8")
SRUN = """#!/bin/bash
for rank in 0 1; do
    SLURM_PROCID=$rank SLURM_NODEID=$rank SLURM_LOCALID=0 "$@" &
    waiting+=($!)
done
for process in "${waiting[@]}"; do wait "$process" || exit 1; done
"""
SLURM = {"NTASKS": "2", "NNODES": "2", "NTASKS_PER_NODE": "1", "JOB_ID": "17", "JOB_NAME": "affect"}
QUIET = "--trainer.enable_progress_bar false --trainer.enable_model_summary false"


def blocks() -> tuple[str, str]:
    _, torchrun, slurm = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    return torchrun.strip(), slurm


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_two_nodes_by_torchrun_and_the_slurm_script(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "corpus", train=8, val=4, test=4)
    extractors = {name: named_extractor(name) for name in ("text", "visual", "audio")}
    extract_features(tmp_path / "corpus", tmp_path / "features", encoders=extractors)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "srun").write_text(SRUN)
    (tools / "srun").chmod(0o755)
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    shared = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "HEAD": "127.0.0.1", "GPUS": "1"}
    torchrun, slurm = blocks()
    folder = re.findall(r"^RUN=(.*)$", slurm, re.MULTILINE)[0]
    torchrun = torchrun.replace("29500", str(free_port()))

    nodes = [
        subprocess.Popen(
            ["bash", "-c", f"{torchrun} {QUIET} --trainer.max_epochs 1"],
            cwd=tmp_path,
            env={**shared, "NODE": str(node), "OUT": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for node in range(2)
    ]
    said = [node.communicate(timeout=900)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], "\n".join(said)
    run = tmp_path / folder
    assert (run / "checkpoints" / "last.ckpt").is_file() and (run / "config.yaml").is_file()
    # Rank 0 alone writes: there is one start, and no folder of another rank.
    assert len({row.start for row in read_log(run)}) == 1
    assert [place.name for place in run.parent.iterdir() if place.name != "latest"] == [run.name]

    script = slurm.replace("--trainer.devices 4", f"--trainer.devices 1 {QUIET} --trainer.max_epochs 2")
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env={
            **shared,
            **{f"SLURM_{name}": value for name, value in SLURM.items()},
            "SLURM_NODELIST": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = read_log(run)
    assert len({row.start for row in rows}) == 2 and {row.epoch for row in rows} >= {0, 1}

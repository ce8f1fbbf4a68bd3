from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.predict import ExtractReport, extract_features

pytestmark = pytest.mark.distributed

#: Extracts with units of one conversation and kills itself at the place named in the third argument.
SCRIPT = """
import multiprocessing, os, signal, sys
from affectkit.data.shards import DatasetWriter
from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.predict import extract_features

def die(*_):
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    src, out, place, jobs = sys.argv[1:]
    if place == "merge":
        DatasetWriter.__exit__ = die
    extract_features(
        src, out, encoders={"text": TinyTextEncoder(out_dim=8)}, jobs=int(jobs), unit_samples=1,
        progress=lambda done, total: die() if place == "encode" and done >= 2 else None,
    )
"""


def run_until_killed(folder: Path, src: Path, *, place: str, jobs: int) -> list[int]:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(src), str(folder / "out"), place, str(jobs)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    return [int(pid) for pid in done.stdout.split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(("place", "jobs"), [("encode", 1), ("encode", 2), ("merge", 1)])
def test_after_a_kill_only_what_is_missing_is_done(
    corpus: Path, tmp_path: Path, digests: Callable[[Path], dict[str, str]], place: str, jobs: int
) -> None:
    workers = run_until_killed(tmp_path, corpus, place=place, jobs=jobs)
    assert len(workers) == (jobs if jobs > 1 else 0)
    limit = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers), "workers outlive their killed parent"
    assert not (tmp_path / "out").exists()
    encoder = TinyTextEncoder(out_dim=8)
    report = extract_features(corpus, tmp_path / "out", encoders={"text": encoder}, unit_samples=1)
    if (place, jobs) == ("encode", 1):
        assert report == ExtractReport(finished=True, encoded=4, kept=2)
    elif place == "encode":
        assert report.kept >= 2 and report.encoded == 6 - report.kept
    else:
        assert report == ExtractReport(finished=True, encoded=0, kept=6)
    extract_features(corpus, tmp_path / "whole", encoders={"text": encoder}, unit_samples=1)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

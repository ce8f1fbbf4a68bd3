"""`affectkit extract` by torchrun: two ranks, one data set, the bytes of one process; also after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.distributed

#: The command with small units; rank 1 kills itself after its first one where the environment says so.
SCRIPT = """
import os, signal, sys
from affectkit.predict import extract as room
from affectkit.predict.extract import extract_features

def small(*arguments, progress, **options):
    def tell(done, total):
        progress(done, total)
        if os.environ.get("FATAL") == os.environ["RANK"] and done >= 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return extract_features(*arguments, progress=tell, unit_samples=1, **options)

room.extract_features = small
from affectkit.cli.main import main
raise SystemExit(main())
"""


def extract(folder: Path, src: Path, out: Path, **names: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=0"]
    arguments = ["extract", str(src), str(out), "--text", "tiny", "--jobs", "1"]
    return subprocess.run(
        [sys.executable, *launcher, str(script), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", **names},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_two_ranks_and_a_killed_one_make_what_one_process_makes(
    corpus: Path, tmp_path: Path, digests: Callable[[Path], dict[str, str]]
) -> None:
    from affectkit.predict import extract_features, named_extractor

    alone = extract_features(
        corpus, tmp_path / "alone", encoders={"text": named_extractor("text", "tiny")}, unit_samples=1
    )
    assert alone.encoded == 6

    killed = extract(tmp_path, corpus, tmp_path / "out", FATAL="1")
    assert killed.returncode != 0 and f"Signal {int(signal.SIGKILL)}" in killed.stderr, killed.stderr
    assert not (tmp_path / "out").exists()
    parts = sorted((tmp_path / ".out.extract").glob("*.safetensors"))
    written = {path.name: path.stat().st_mtime_ns for path in parts}
    assert 1 <= len(written) <= 5

    again = extract(tmp_path, corpus, tmp_path / "out")
    assert again.returncode == 0, again.stderr
    counted = [line for line in again.stdout.splitlines() if "units encoded" in line]
    assert len(counted) == 2, again.stdout
    encoded, kept = (
        sum(int(line.partition(f" {word}")[0].rpartition(" ")[2]) for line in counted)
        for word in ("units encoded", "kept")
    )
    # A rank that comes when the other has finished everything finds nothing left to count.
    assert encoded == 6 - len(written) and kept <= len(written), again.stdout
    assert digests(tmp_path / "out") == digests(tmp_path / "alone")
    assert not (tmp_path / ".out.extract").exists()

"""A conversion that is killed in the middle of a shard, with two jobs, and started again."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.sources import find_source, make_dataset

NAMES = ("03a01Fa", "03a01Wb", "08b02La", "09a04Ed")


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "nothing happened for two minutes"
        time.sleep(0.05)


def nobody_reads(fifo: Path) -> bool:
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        return error.errno == errno.ENXIO
    return False


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are needed to stop a reader in the middle")
def test_a_killed_conversion_goes_on_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "emodb"
    folder.mkdir()
    for name in NAMES[:-1]:
        (folder / f"{name}.wav").write_bytes(name.encode())
    # Reading the last recording waits for a writer that never comes.
    last = folder / f"{NAMES[-1]}.wav"
    os.mkfifo(last)
    command = ["shards", "make", "emodb", str(folder), str(tmp_path / "out"), "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "affectkit", *command, "--shard-samples", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    left = tmp_path / ".out.making"
    try:
        wait_until(lambda: len(list(left.glob("*.made"))) == 3)
        time.sleep(0.5)  # the other worker now waits for the last recording
    finally:
        process.kill()
        process.wait()
    time.sleep(1.0)
    # Once only: where a worker still waited, being asked would let it go on.
    assert nobody_reads(last)
    assert not (tmp_path / "out").exists()
    kept = {path.name: path.stat().st_ino for path in left.glob("*.tar")}
    assert len(kept) == 3
    last.unlink()
    last.write_bytes(b"here at last")
    make_dataset(find_source("emodb"), folder, out=tmp_path / "out", shard_samples=1)
    make_dataset(find_source("emodb"), folder, out=tmp_path / "fresh", shard_samples=1)
    made, fresh = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("out", "fresh"))
    assert made == fresh
    assert {name: (tmp_path / "out" / name).stat().st_ino for name in kept} == kept
    assert not left.exists()

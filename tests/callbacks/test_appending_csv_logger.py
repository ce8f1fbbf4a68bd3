from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.callbacks import AppendingCSVLogger, read_log


def _rows(folder: Path) -> list[tuple[int, int | None, str, float]]:
    return [(row.start, row.step, row.key, row.value) for row in read_log(folder)]


def test_values_come_back_exactly(tmp_path: Path) -> None:
    logger = AppendingCSVLogger(tmp_path / "run")
    logger.begin_fit(0)
    logger.log_metrics({"train/loss": 0.1 + 0.2, "epoch": 1}, step=3)
    logger.log_metrics({"val/loss": float("nan")}, step=4)
    logger.log_metrics({"note": 2.0})
    rows = read_log(tmp_path / "run" / "metrics.csv")
    assert [(row.step, row.epoch, row.key) for row in rows] == [
        (3, 1, "train/loss"),
        (4, None, "val/loss"),
        (None, None, "note"),
    ]
    assert rows[0].value == 0.1 + 0.2 and rows[1].value != rows[1].value


def test_nothing_is_rewritten_and_later_starts_supersede(tmp_path: Path) -> None:
    first = AppendingCSVLogger(tmp_path)
    first.begin_fit(0)
    for step in range(4):
        first.log_metrics({"train/loss": float(step)}, step=step)
    first.log_metrics({"val/f1": 0.25}, step=3)
    before = first.path.read_bytes()
    # Resumed at step 2: row 2 is written again, row 3 and its validation are not.
    second = AppendingCSVLogger(tmp_path)
    second.begin_fit(2)
    second.log_metrics({"train/loss": 20.0}, step=2)
    assert second.path.read_bytes().startswith(before)
    assert _rows(tmp_path) == [
        (0, 0, "train/loss", 0.0),
        (0, 1, "train/loss", 1.0),
        (1, 2, "train/loss", 20.0),
    ]
    # A test afterwards supersedes nothing of the training, and a second test the first.
    for value in (0.5, 0.75):
        AppendingCSVLogger(tmp_path).log_metrics({"test/f1": value}, step=0)
    assert _rows(tmp_path)[-1] == (3, 0, "test/f1", 0.75)
    assert len(_rows(tmp_path)) == 4


def test_two_trainings_in_one_process_are_two_starts(tmp_path: Path) -> None:
    logger = AppendingCSVLogger(tmp_path)
    for value in (1.0, 2.0):
        logger.begin_fit(0)
        logger.log_metrics({"train/loss": value}, step=0)
    assert _rows(tmp_path) == [(1, 0, "train/loss", 2.0)]


@pytest.mark.parametrize("torn", ["0,1,2,train/lo", "0,1,2,train/loss,0.7", "0"])
def test_a_torn_row_is_passed_over(tmp_path: Path, torn: str) -> None:
    logger = AppendingCSVLogger(tmp_path)
    logger.log_metrics({"train/loss": 1.0}, step=0)
    with logger.path.open("a") as file:
        file.write(torn)
    assert _rows(tmp_path) == [(0, 0, "train/loss", 1.0)]
    AppendingCSVLogger(tmp_path).log_metrics({"train/loss": 2.0}, step=1)
    assert _rows(tmp_path) == [(0, 0, "train/loss", 1.0), (1, 1, "train/loss", 2.0)]


def test_the_first_row_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from affectkit.callbacks import AppendingCSVLogger\n"
        "AppendingCSVLogger(sys.argv[1]).log_metrics({'train/loss': 1.5}, step=0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    if not hasattr(os, "fork"):
        pytest.skip("this system has no SIGKILL")
    subprocess.run([sys.executable, "-c", script, str(tmp_path)])
    assert _rows(tmp_path) == [(0, 0, "train/loss", 1.5)]


def test_errors_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no log"):
        read_log(tmp_path)
    (tmp_path / "metrics.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match="is not a log of affectkit"):
        read_log(tmp_path)
    with pytest.raises(ValueError, match="leave out commas"):
        AppendingCSVLogger(tmp_path / "new").log_metrics({"a,b": 1.0}, step=0)

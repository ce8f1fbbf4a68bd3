"""`affectkit fit` in two real processes of which one dies, stops, or cannot open its data."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from affectkit.cli import lost_rank
from affectkit.cli.lost_rank import LostRankError, explained_loss, is_loss, limit_waiting

CONFIG: dict[str, dict[str, object]] = {
    "model": {
        "class_path": "affectkit.tasks.ConversationTask",
        "init_args": {
            "label_space": "meld7.official",
            "inputs": {"text": 128},
            "hidden_dim": 8,
        },
    },
    "data": {
        "class_path": "affectkit.data.ConversationDataModule",
        "init_args": {"label_space": "meld7.official", "batch_size": 4, "modalities": ["text"]},
    },
    "trainer": {
        "max_epochs": 2,
        "accelerator": "cpu",
        "num_sanity_val_steps": 0,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    },
}
#: What goes wrong on the second process.
PARTS = """\
import os, signal
from lightning.pytorch import Callback
from affectkit.data import ConversationDataModule
from affectkit.data.shards import ShardError

class End(Callback):
    def __init__(self, signal: str) -> None:
        self.signal = signal

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_rank == 1 and trainer.global_step == 2:
            os.kill(os.getpid(), signal.Signals[self.signal])

class HalfData(ConversationDataModule):
    def store(self, split):
        if self.trainer.global_rank == 1:
            raise ShardError("train-00000.tar cannot be read: restore it.")
        return super().store(split)
"""


def two_ranks(place: Path, features: Path, *options: str, **changes: object) -> tuple[list[int], list[str]]:
    """Exit codes and last words of two processes that no launcher watches."""
    (place / "small.yaml").write_text(yaml.safe_dump({**CONFIG, **changes}))
    (place / "parts.py").write_text(PARTS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    processes = []
    for rank in range(2):
        names = {
            "TORCHELASTIC_RUN_ID": "test",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "GROUP_RANK": "0",
            "WORLD_SIZE": "2",
            "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(place),
        }
        command = [sys.executable, "-m", "affectkit", "fit", "--config", "small.yaml"]
        command += ["--data.init_args.root", str(features), "--trainer.devices", "2", *options]
        processes.append(
            subprocess.Popen(
                command,
                cwd=place,
                env={**os.environ, **names},
                stdout=subprocess.DEVNULL,
                stderr=(place / f"said{rank}").open("w"),
            )
        )
    try:
        deadline = time.monotonic() + 180
        while processes[0].poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        said = [(place / f"said{rank}").read_text() for rank in range(2)]
        assert processes[0].poll() is not None, said
    finally:
        for process in processes:
            if process.poll() is None and process is not processes[1]:
                process.kill()
        try:
            processes[1].wait(timeout=20 if "SIGSTOP" not in str(changes) else 0.1)
        except subprocess.TimeoutExpired:
            processes[1].kill()
        codes = [process.wait() for process in processes]
    return codes, [(place / f"said{rank}").read_text() for rank in range(2)]


def trainer_with(name: str) -> dict[str, object]:
    callbacks = [{"class_path": "parts.End", "init_args": {"signal": name}}]
    return {**CONFIG["trainer"], "callbacks": callbacks}


@pytest.mark.distributed
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
def test_the_other_process_fails_in_time_and_says_what_to_do(
    name: str, tmp_path: Path, synthetic_features: Path
) -> None:
    codes, said = two_ranks(
        tmp_path, synthetic_features, "--timeout_minutes", "0.1", trainer=trainer_with(name)
    )
    assert codes == [2, -signal.SIGKILL], said
    assert "Another process of this run died" in said[0] and "--ckpt_path last" in said[0]
    assert "Traceback" not in said[0]


@pytest.mark.distributed
def test_data_that_one_process_cannot_open_stop_both(tmp_path: Path, synthetic_features: Path) -> None:
    data = {**CONFIG["data"], "class_path": "parts.HalfData"}
    codes, said = two_ranks(tmp_path, synthetic_features, data=data)
    assert codes == [2, 2], said
    assert "Another rank could not open" in said[0] and "Traceback" not in said[0]
    assert "train-00000.tar cannot be read" in said[1]


def test_the_limit_reaches_the_strategy() -> None:
    strategy = DDPStrategy()
    limit_waiting(strategy, minutes=0.5)
    assert strategy._timeout == timedelta(seconds=30)
    limit_waiting(SingleDeviceStrategy(), minutes=0.5)  # nobody to wait for
    with pytest.raises(ValueError, match="timeout_minutes is 0"):
        limit_waiting(strategy, minutes=0)


def test_only_the_loss_of_another_process_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_loss("gloo: Connection closed by peer [127.0.0.1]:1234")
    assert is_loss("Watchdog caught collective operation timeout: WorkNCCL(...)")
    assert not is_loss("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match=r"^timed out$"), explained_loss():
        raise RuntimeError("timed out")  # a single process has nobody to lose
    monkeypatch.setattr(lost_rank, "world_size", lambda: 2)
    with pytest.raises(LostRankError, match="--ckpt_path last"), explained_loss():
        raise RuntimeError("collective timed out")
    with pytest.raises(RuntimeError, match=r"^other$"), explained_loss():
        raise RuntimeError("other")

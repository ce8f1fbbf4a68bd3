"""What each process started by ``run_ranks`` does: join the group, then run what it is sent.

It is started through ``runpy.run_path``, because with import-mode ``importlib`` neither this file
nor a test file has a module name that a new process could import. For the same reason a function
travels as the path of its file and its name.
"""

from __future__ import annotations

import importlib.util
import pickle
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

import torch
import torch.distributed as dist


def load_file(path: str, loaded: dict[str, ModuleType]) -> ModuleType:
    """Import a file by path, once per process."""
    if path not in loaded:
        name = f"rank_{Path(path).stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        loaded[path] = module
    return loaded[path]


def serve(channel: Connection, rank: int, world_size: int, rendezvous: str) -> None:
    """Run each (file, function, arguments) that comes, until the channel closes."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{rendezvous}",
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=120),
    )
    loaded: dict[str, ModuleType] = {}
    while True:
        try:
            path, name, arguments = pickle.loads(channel.recv_bytes())
        except EOFError:
            return
        reply: tuple[bool, object]
        try:
            function: Callable[..., object] = getattr(load_file(path, loaded), name)
            reply = (True, function(*arguments))
        except BaseException:
            reply = (False, traceback.format_exc())
        channel.send_bytes(pickle.dumps(reply))


if __name__ == "rank_worker":
    serve(CHANNEL, RANK, WORLD_SIZE, RENDEZVOUS)  # type: ignore[name-defined] # noqa: F821

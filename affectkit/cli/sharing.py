"""Options of commands whose work several processes share."""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple


class Share(NamedTuple):
    """What a process does of the work.

    Attributes:
        jobs: Processes of this call.
        rank: Number of this process among those that share the work.
        world_size: How many share the work.
    """

    jobs: int
    rank: int
    world_size: int


def add_sharing_options(parser: argparse.ArgumentParser) -> None:
    """Add what says who does how much."""
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one per core, at most 8)")
    parser.add_argument("--rank", type=int, help="number of this process (default: RANK, or 0)")
    parser.add_argument(
        "--world-size", type=int, help="processes that share the work (default: WORLD_SIZE, or 1)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the data set at OUT")


def share_of(options: argparse.Namespace) -> Share:
    """What was asked for, else what a launcher such as torchrun says."""
    jobs: int = options.jobs if options.jobs is not None else min(8, os.cpu_count() or 1)
    rank = _number(options.rank, "RANK", 0)
    return Share(jobs, rank, _number(options.world_size, "WORLD_SIZE", 1))


def print_outcome(out: str, share: Share, *, finished: bool, encoded: int, kept: int) -> None:
    """Say what this process did."""
    work = f"{encoded} units encoded, {kept} kept"
    if finished:
        print(f"{out}: {work}; look at it with `affectkit shards info {out}`")
    else:
        print(f"process {share.rank} of {share.world_size}: {work}; the process that ends last writes {out}")


def _number(given: int | None, variable: str, default: int) -> int:
    """The number given, else that of the launcher, else the default."""
    if given is not None:
        return given
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else default

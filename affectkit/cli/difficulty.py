"""`affectkit shards difficulty`: how hard each sample is, written into a copy of a data set."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectkit.data.shards import Manifest
    from affectkit.types import Difficulty, RecordDifficulty

_RULES = ("votes", "shifts", "weighted-shifts")


def add_part(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `affectkit shards`."""
    part = parts.add_parser(
        "difficulty",
        help="write how hard each sample is, for a curriculum",
        description=(
            "Copy a data set with a difficulty in the record of each sample: by the disagreement of votes, "
            "the emotional shifts of a conversation, or from a table, e.g. of a trained model's losses."
        ),
    )
    part.add_argument("src", metavar="SRC", help="folder of the shards, or of the LMDB")
    part.add_argument("out", metavar="OUT", help="folder to make")
    how = part.add_mutually_exclusive_group(required=True)
    how.add_argument("--rule", choices=_RULES, help="what makes a sample hard")
    how.add_argument("--table", metavar="FILE", help="a CSV with the columns key and difficulty")
    part.add_argument(
        "--split", action="append", metavar="NAME", help="split that gets difficulties (default: all)"
    )
    part.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that write (default: 1)")
    part.add_argument("--overwrite", action="store_true", help="replace the data set at OUT")
    part.set_defaults(run=run_difficulty)


def run_difficulty(options: argparse.Namespace) -> int:
    """Write the difficulties and say how they spread."""
    from affectkit.data.shards import read_manifest
    from affectkit.data.sources.difficulty_table import DifficultyTable
    from affectkit.data.store import add_difficulties

    difficulty: Difficulty | RecordDifficulty | Mapping[str, float]
    if options.table is None:
        difficulty = _rule(options.rule, read_manifest(options.src))
    else:
        difficulty = DifficultyTable.read(Path(options.table), key="key").values
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    manifest = add_difficulties(
        options.src,
        options.out,
        difficulty,
        splits=options.split,
        jobs=options.jobs,
        overwrite=options.overwrite,
    )
    for split in manifest.splits if options.split is None else options.split:
        _say(options.out, split, manifest)
    return 0


def _rule(name: str, manifest: Manifest) -> Difficulty | RecordDifficulty:
    from affectkit.curriculum import HclDifficulty, VoteDisagreementDifficulty, WeightedShiftDifficulty
    from affectkit.data.schema import ShardError

    if name == "votes":
        return VoteDisagreementDifficulty()
    if manifest.label_space is None:
        raise ShardError(f"{manifest.name} has no labels, so nothing shifts: give --table FILE.")
    if name == "shifts":
        return HclDifficulty()
    return WeightedShiftDifficulty(label_space=manifest.label_space)


def _say(folder: str, split: str, manifest: Manifest) -> None:
    from statistics import median

    from affectkit.curriculum import StoredDifficulty
    from affectkit.data.store import open_store, record_difficulties

    store = open_store(folder, split)
    found = record_difficulties(store, StoredDifficulty(), kind=manifest.kind, label_map=None)
    print(
        f"{split}: {len(found)} samples, difficulty {min(found):.3f} to {max(found):.3f}, "
        f"median {median(found):.3f}"
    )

"""`affectkit demo`: the whole way once, offline, on conversations that it makes up."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

RECIPE = "recipe:erc_curriculum_tiny"


class DemoError(ValueError):
    """The folder for the demo holds something that the demo did not make."""


def add_parser(commands: Any) -> None:
    """Add the command to the top-level parser."""
    parser = commands.add_parser(
        "demo",
        help="make conversations, train, test and report, offline (start here)",
        description=(
            "Make a small corpus of made-up conversations with drawn faces, synthesised voices and "
            "templated text, store it as shards, run small frozen encoders over it, train a model of "
            "emotion in conversation with a curriculum, test it and write a report. No network, no data."
        ),
    )
    parser.add_argument("--out", type=Path, default=Path("affectkit-demo"), help="folder (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of corpus and training (%(default)s)")
    parser.add_argument(
        "--conversations", type=int, default=120, help="training conversations to make (%(default)s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make, train, test, report; say where everything is and what to try next."""
    # Heavy: only when the command runs.
    from affectkit.cli.training import train
    from affectkit.data.synthetic import write_synthetic
    from affectkit.predict import extract_features, named_extractor
    from affectkit.report import build_report, read_run

    started = time.perf_counter()
    out: Path = options.out
    corpus, features, folder = out / "corpus", out / "features", _next_run(out)
    for made in (corpus, features):
        _check_ours(made)
    held_out = max(2, options.conversations // 4)
    out.mkdir(parents=True, exist_ok=True)
    _say(1, f"make {options.conversations} + {held_out} + {held_out} conversations in {corpus}")
    with _progress() as bar:
        write_synthetic(
            corpus,
            train=options.conversations,
            val=held_out,
            test=held_out,
            seed=options.seed,
            overwrite=True,
            progress=_advance(bar, "conversations"),
        )
    _say(2, f"run the tiny encoders over text, faces and voices, into {features}")
    extractors = {name: named_extractor(name) for name in ("text", "visual", "audio")}
    with _progress() as bar:
        extract_features(
            corpus, features, encoders=extractors, overwrite=True, progress=_advance(bar, "units of shards")
        )
    shared = [
        "--config", RECIPE,
        "--data.init_args.root", str(features),
        "--seed_everything", str(options.seed),
        "--run_folder", str(folder),
    ]  # fmt: skip
    _say(3, f"train {RECIPE} with its curriculum, in {folder}")
    train(["fit", *shared])
    _say(4, "test the epoch that was best on the validation split")
    train(["test", *shared, "--ckpt_path", "best"])
    _say(5, "write the report")
    page = build_report(folder)
    _summary(read_run(folder).metrics)
    fit = f"affectkit fit --config {RECIPE} --data.init_args.root {features}"
    print(
        f"report:     {page}\n"
        f"run folder: {folder}\n"
        f"took {time.perf_counter() - started:.0f} s; the data are synthetic, so the scores say nothing "
        "about people.\n\ntry next:\n"
        f"  affectkit shards info {features}\n"
        f"  {fit} --data.init_args.curriculum null\n"
        f"  {fit} --model.init_args.context_model dialogue_rnn\n"
        "  affectkit list"
    )
    return 0


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    return Progress(
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=Console(stderr=True)
    )


def _advance(bar: Progress, what: str) -> Callable[[int, int], None]:
    task = bar.add_task(what, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


def _say(number: int, what: str) -> None:
    print(f"\n[{number}/5] {what}", flush=True)


def _next_run(out: Path) -> Path:
    """Return the first run folder that is free, so that a second demo keeps the first one's results."""
    number = 1
    while (folder := out / "runs" / "demo" / f"{number:03d}").exists():
        number += 1
    return folder


def _check_ours(folder: Path) -> None:
    from affectkit.data.shards import MANIFEST_NAME, read_manifest

    if not folder.exists():
        return
    if (folder / MANIFEST_NAME).is_file() and read_manifest(folder).synthetic:
        return
    raise DemoError(f"{folder} exists and was not made by the demo, so it is left alone: give another --out.")


def _summary(metrics: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("test metric", "value", title="test split")
    for key, value in sorted(metrics.items()):
        if key.startswith("test/"):
            table.add_row(key.removeprefix("test/"), "none" if value is None else f"{value:.4f}")
    Console().print(table)

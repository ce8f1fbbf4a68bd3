"""`affectkit extract`: features of frozen encoders into new shards."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectkit.encoders.feature_extractor import FeatureExtractor


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "extract",
        help="run frozen encoders over shards and store their features",
        description=(
            "Run frozen encoders over every utterance or text of SRC and write a data set of features to OUT. "
            "Without --text, --visual or --audio, the tiny encoders of what SRC holds are used. "
            "Killed and run again, the same command does only what is missing. Under torchrun, or with "
            "--rank and --world-size, several processes share the work; the last one finishes it."
        ),
    )
    parser.add_argument("src", metavar="SRC", help="folder of a data set of conversations or texts")
    parser.add_argument("out", metavar="OUT", help="folder to make")
    parser.add_argument(
        "--text", metavar="NAME", help="'tiny', or a folder or hub name of a transformers model"
    )
    parser.add_argument(
        "--text-layers",
        type=_layers,
        metavar="L",
        help="hidden states of the text model, side by side: all, or such as 0,3,6 (default: -1, the last)",
    )
    parser.add_argument(
        "--text-pooling",
        choices=("mean", "cls", "max"),
        help="over the tokens of a text, for a transformers model (default: mean)",
    )
    parser.add_argument("--visual", metavar="NAME", help="'tiny'")
    parser.add_argument("--audio", metavar="NAME", help="'tiny'")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one per core, at most 8)")
    parser.add_argument("--rank", type=int, help="number of this process (default: RANK, or 0)")
    parser.add_argument(
        "--world-size", type=int, help="processes that share the work (default: WORLD_SIZE, or 1)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the data set at OUT")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from affectkit.predict.extract import ExtractError, extract_features, named_extractor, stored_modalities

    named = {name: getattr(options, name) for name in ("text", "visual", "audio")}
    chosen: dict[str, str] = {name: value for name, value in named.items() if value is not None}
    if not chosen:
        chosen = dict.fromkeys(stored_modalities(options.src), "tiny")
    if (options.text_layers or options.text_pooling) and "text" not in chosen:
        raise ExtractError(
            "--text-layers and --text-pooling say how --text is encoded: name that encoder too."
        )
    encoders: dict[str, FeatureExtractor] = {
        modality: named_extractor(
            modality,
            name,
            layers=options.text_layers if modality == "text" else None,
            pooling=options.text_pooling if modality == "text" else None,
        )
        for modality, name in chosen.items()
    }
    rank = _number(options.rank, "RANK", 0)
    world_size = _number(options.world_size, "WORLD_SIZE", 1)
    jobs: int = options.jobs if options.jobs is not None else min(8, os.cpu_count() or 1)
    bar = Progress(
        TextColumn("extract " + " ".join(chosen)),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("units"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task("extract", total=None)
        report = extract_features(
            options.src,
            options.out,
            encoders=encoders,
            jobs=jobs,
            rank=rank,
            world_size=world_size,
            overwrite=options.overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    work = f"{report.encoded} units encoded, {report.kept} kept"
    if report.finished:
        print(f"{options.out}: {work}; look at it with `affectkit shards info {options.out}`")
    else:
        print(f"process {rank} of {world_size}: {work}; the process that ends last writes {options.out}")
    return 0


def _layers(text: str) -> list[int] | str:
    """`all`, or whole numbers between commas."""
    if text == "all":
        return text
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'all' nor numbers such as 0,3,6") from None


def _number(given: int | None, variable: str, default: int) -> int:
    """The number given, else that of the launcher, else the default."""
    if given is not None:
        return given
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else default

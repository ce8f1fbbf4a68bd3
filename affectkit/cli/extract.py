"""`affectkit extract`: features of frozen encoders into new shards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from affectkit.cli.progress_bar import progress_bar
from affectkit.cli.sharing import add_sharing_options, print_outcome, share_of

if TYPE_CHECKING:
    from affectkit.encoders.feature_extractor import FeatureExtractor


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "extract",
        help="run frozen encoders over shards and store their features",
        description=(
            "Run frozen encoders over every utterance or text of SRC and write a data set of features to "
            "OUT. "
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
    parser.add_argument("--audio", metavar="NAME", help="'tiny', or folder or hub name")
    add_sharing_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
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
    # As of `shards make`: the docs write to features/NAME, and a newcomer has no folder features yet.
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    share = share_of(options)
    with progress_bar("extract " + " ".join(chosen), "units") as progress:
        report = extract_features(
            options.src,
            options.out,
            encoders=encoders,
            jobs=share.jobs,
            rank=share.rank,
            world_size=share.world_size,
            overwrite=options.overwrite,
            progress=progress,
        )
    print_outcome(options.out, share, **report._asdict())
    return 0


def _layers(text: str) -> list[int] | str:
    """`all`, or whole numbers between commas."""
    if text == "all":
        return text
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'all' nor numbers such as 0,3,6") from None

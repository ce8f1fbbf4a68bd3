"""`affectkit typical`: the pictures that a model finds most like a class, on one sheet."""

from __future__ import annotations

import argparse
import sys

from affectkit.cli.predict import add_model_options


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "typical",
        help="show the pictures that a model finds most like a class",
        description=(
            "Rank pictures by how well a class fits them and draw the best ones on a sheet. The sheet shows "
            "the pictures themselves: pass on one of real people only if they agree."
        ),
    )
    parser.add_argument("label", metavar="LABEL", help="the class, e.g. joy")
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="picture, folder of pictures, or data set of shards"
    )
    add_model_options(parser)
    parser.add_argument("--out", metavar="FILE.png", help="sheet to write")
    parser.add_argument("--count", type=int, default=10, metavar="N", help="pictures to show (default: 10)")
    parser.add_argument(
        "--by",
        choices=("probability", "logit"),
        default="probability",
        help="of this class and no other, or how near a picture is to the class alone (default: probability)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from pathlib import Path

    from affectkit.cli.predict import load_pictures, say_passed_over
    from affectkit.predict import PredictError, find_pictures, most_typical
    from affectkit.predict.pictures.picture_item import item_pixels

    if options.out is not None and Path(options.out).suffix != ".png":
        raise PredictError(f"The sheet {options.out} cannot be written: let its name end in .png.")
    find_pictures(options.paths, split=options.split)
    predictor = load_pictures(options)
    space = predictor.label_space
    label = options.label if space is None else space.labels[space.index(options.label)]
    items = predictor.find(options.paths, split=options.split)
    say_passed_over(options.paths, items, predictor.things)
    print(predictor.described(options.model), file=sys.stderr)
    best = most_typical(predictor.predict(items), label, count=options.count, by=options.by)
    if not best:
        raise PredictError("None of the pictures could be read: `affectkit predict` says why for each.")
    place = list(best[0].probabilities).index(label)
    scores = [
        list(row.probabilities.values() if options.by == "probability" else row.logits)[place] for row in best
    ]
    for rank, (row, score) in enumerate(zip(best, scores, strict=True), start=1):
        print(f"{rank:3d}  {score:.4f}  {row.path}")
    if options.out is not None:
        from affectkit.atomic_file import write_atomically
        from affectkit.report.figures import contact_sheet_figure
        from affectkit.report.page import Picture

        figure = contact_sheet_figure(
            [item_pixels(items[row.position]) for row in best],
            [f"{rank}: {score:.2f}" for rank, score in enumerate(scores, start=1)],
            title=f"most typical of {label}",
        )
        write_atomically(Path(options.out), Picture("typical", figure, f"Pictures of {label}").png())
        print(f"sheet: {options.out}")
    return 0

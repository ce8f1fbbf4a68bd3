"""`affectkit predict PATH...`: the predictions of a trained model on your own pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectkit.predict import PictureItem, PicturePredictor

EXAMPLES = """\
examples:
  affectkit predict photo.jpg --model runs/coop/latest
  affectkit predict holiday/ --model runs/coop/latest --out holiday.csv

With --config, this is the predict of the training commands instead: shards in, predicted.csv out.
  affectkit predict --config recipe:coop --data.init_args.root DIR --ckpt_path best
  affectkit predict --config recipe:coop --help
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "predict",
        help="predict your own pictures, or with --config a split of shards",
        description=(
            "Predict pictures with a trained model, as the evaluation of its training would: the size, the "
            "normalisation and the labels are those stored in its checkpoint. Whole frames are shown to the "
            "model; nothing looks for faces. A file that cannot be read becomes a row with its error."
        ),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="picture, folder of pictures, or data set of shards"
    )
    add_model_options(parser)
    parser.add_argument(
        "--out", metavar="FILE", help="table to write, .csv or .jsonl (default: CSV on the standard output)"
    )
    parser.set_defaults(run=run)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which model is used, and how."""
    parser.add_argument("--model", required=True, metavar="RUN", help="run folder, or checkpoint")
    parser.add_argument(
        "--split", default="test", help="split that is read where PATH is a data set (default: test)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="pictures that run together (default: 8)"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: a GPU where there is one)")
    parser.add_argument(
        "--task", metavar="CLASS", help="class of the task where it is one of your own, e.g. mine.MyTask"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a value of the task, e.g. base_weights=FILE; may be given several times",
    )


def asks_for_shards(arguments: Sequence[str]) -> bool:
    """Whether the arguments of `predict` are those of the training commands: they name a configuration."""
    return any(argument.partition("=")[0] in ("--config", "-c", "--print_config") for argument in arguments)


def run(options: argparse.Namespace) -> int:
    """Run the command; the exit status is 1 where no picture could be read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from affectkit.predict import find_pictures, write_predictions

    # Paths are wrong more often than models, and looked at in no time.
    find_pictures(options.paths, split=options.split)
    predictor = load_predictor(options)
    items = find_pictures(options.paths, split=options.split, shows_boxes=bool(predictor.view.streams))
    print(described(predictor, options.model), file=sys.stderr)
    if options.out is None:
        return _print(predictor, items)
    bar = Progress(
        TextColumn("predict"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pictures"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task("predict", total=len(items))
        report = write_predictions(
            predictor, items, out=options.out, progress=lambda done, total: bar.update(task, completed=done)
        )
    kept = f", {report.kept} of them from before" if report.kept else ""
    unread = f", {report.unread} could not be read (column error)" if report.unread else ""
    print(f"{options.out}: {report.rows} pictures{kept}{unread}")
    return int(report.unread == report.rows)


def load_predictor(options: argparse.Namespace) -> PicturePredictor:
    """The model that the options name."""
    from affectkit.predict import PicturePredictor, PredictError

    changes: dict[str, object] = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise PredictError(f"The option {text!r} has no value: write --option NAME=VALUE.")
        changes[name] = value
    return PicturePredictor.from_checkpoint(
        options.model,
        batch_size=options.batch_size,
        device=options.device,
        task=None if options.task is None else _task_class(options.task),
        **changes,
    )


def described(predictor: PicturePredictor, model: str) -> str:
    """What is shown to which model, in a line or two."""
    view = predictor.view
    size = "as they are" if view.size is None else f"brought to {view.size} x {view.size} pixels"
    text = f"whole frames, {size}, as in the evaluation of {model} ({predictor.identity})"
    if not view.streams:
        return text
    names = " and ".join(view.inputs)
    return (
        f"{text}\nThe model was trained on {names}: of a file, which has no boxes, each is the whole frame. "
        "Give crops where the training saw crops."
    )


def _print(predictor: PicturePredictor, items: Sequence[PictureItem]) -> int:
    from affectkit.predict.pictures.prediction_table import csv_lines, plain_row

    rows = [plain_row(row, predictor.identity) for row in predictor.predict(items)]
    sys.stdout.writelines(csv_lines(rows))
    return int(all(row["error"] is not None for row in rows))


def _task_class(path: str) -> type:
    from importlib import import_module

    from affectkit.predict import PredictError
    from affectkit.tasks import AffectTask

    module, _, name = path.rpartition(".")
    try:
        found: object = getattr(import_module(module), name, None) if module else None
    except ModuleNotFoundError as error:
        raise PredictError(
            f"The task {path!r} cannot be imported ({error}): name a class that Python finds."
        ) from error
    if not isinstance(found, type) or not issubclass(found, AffectTask):
        raise PredictError(
            f"{path!r} is no task: name a subclass of affectkit.tasks.AffectTask, e.g. mine.MyTask."
        )
    return found

"""`affectkit predict PATH...`: the predictions of a trained model on your own files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from affectkit.cli.command_help import CommandHelp
from affectkit.cli.device_option import add_device_option
from affectkit.cli.progress_bar import progress_bar

if TYPE_CHECKING:
    from affectkit.predict import PicturePredictor, Prediction, PredictItem, Predictor

#: What --option and --part cannot set, since the command itself does -> what does it.
_SET_BY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "batch_size": "--batch-size N",
        "calibrated": "--calibrated false",
        "demonstrations": "--demonstrations PATH",
        "device": "--device NAME",
        "encoder": "--encoder NAME",
        "model": "--model RUN",
        "source": "--source NAME",
        "task": "--task CLASS",
        "threshold": "--threshold P",
        "view": "open_predictor(model, view=...) in Python",
    }
)

EXAMPLES = """\
examples:
  affectkit predict photo.jpg --model runs/coop/latest
  affectkit predict holiday/ --model runs/coop/latest --out holiday.csv
  affectkit predict calls/*.wav --model runs/audio_emotion/latest --out calls.parquet

With --config, this is the predict of the training commands instead: shards in, predicted.csv out.
  affectkit predict --config recipe:coop --data.init_args.root DIR --ckpt_path best
  affectkit predict --config recipe:coop --help
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "predict",
        help="predict your own files, or with --config a split of shards",
        description=(
            "Predict files with a trained model, as the evaluation of its training would: the transforms "
            "and the labels are those stored with its run. What it was trained on says what is read: "
            "pictures, recordings, clips, texts or dialogues. Whole frames are shown to the model "
            "unless --faces says otherwise. A file that cannot be read becomes a row with its error."
        ),
        epilog=EXAMPLES,
        formatter_class=CommandHelp,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="file, folder of files, or data set of shards"
    )
    add_model_options(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="table to write, .csv, .jsonl or .parquet (default: CSV on the standard output)",
    )
    parser.add_argument(
        "--every",
        type=float,
        metavar="SECONDS",
        help="cut videos and recordings into parts of this length (default: whole; for models of pictures 1)",
    )
    parser.add_argument(
        "--encoder",
        "--text-encoder",
        metavar="NAME",
        help="for a model on stored features, or one that finds labelled utterances by them, what "
        "`affectkit extract` was given (default: tiny)",
    )
    parser.add_argument(
        "--demonstrations",
        metavar="PATH",
        help="for prompts that show labelled utterances, where these lie: a saved index or shards (default: "
        "those of the training)",
    )
    parser.add_argument(
        "--calibrated",
        choices=("true", "false"),
        default="true",
        help="whether logits are scaled as `affectkit calibrate` fitted it, if it did (default: true)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="P",
        help="from which probability on a label holds, where labels may hold together (default: 0.5)",
    )
    parser.add_argument(
        "--faces",
        "--boxes",
        default="none",
        metavar="WHERE",
        help="what is shown instead of whole frames: boxes in FILE.csv (columns path,left,top,right,bottom), "
        "or the largest face that mediapipe:MODEL_FILE or onnx:MODEL_FILE finds (default: none)",
    )
    parser.add_argument(
        "--faces-required",
        action="store_true",
        help="a frame without a face becomes a row with an error, not the whole frame",
    )
    parser.add_argument(
        "--curve",
        action="store_true",
        help="also write each video with its curves under it, beside the table and without sound",
    )
    parser.set_defaults(run=run)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which model is used, and how."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="RUN",
        help="run folder, checkpoint, folder of `save_pretrained` or of a transformers classifier, hf:NAME",
    )
    parser.add_argument(
        "--split", default="test", help="split that is read where PATH is a data set (default: test)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="samples that run together (default: 8)"
    )
    add_device_option(parser)
    parser.add_argument(
        "--source",
        metavar="NAME",
        help="for a model that was evaluated on sources that read differently, the one that PATH is like",
    )
    parser.add_argument(
        "--task", metavar="CLASS", help="class of the task where it is one of your own, e.g. mine.MyTask"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a value of the task, e.g. base_weights=FILE, or of a classifier of transformers its "
        "label_space or what a label of it means, e.g. LABEL_0=joy; may be given several times",
    )
    parser.add_argument(
        "--part",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="where Python finds a ready part that the task was built with, or a class or function that "
        "makes it without arguments, e.g. head=mine.make_head; may be given several times",
    )


def asks_for_shards(arguments: Sequence[str]) -> bool:
    """Whether the arguments of `predict` are those of the training commands: they name a configuration."""
    return any(argument.partition("=")[0] in ("--config", "-c", "--print_config") for argument in arguments)


def run(options: argparse.Namespace) -> int:
    """Run the command; the exit status is 1 where nothing could be read."""
    from affectkit.predict import PredictError, open_predictor, write_predictions
    from affectkit.predict.table.write_predictions import check_table_path

    # Paths are wrong more often than models, and looked at in no time.
    check_paths(options.paths)
    if options.out is not None:
        check_table_path(options.out)
    named: dict[str, Any] = {"encoder": options.encoder} | model_options(options)
    predictor = open_predictor(
        options.model,
        demonstrations=options.demonstrations,
        calibrated=options.calibrated == "true",
        threshold=options.threshold,
        **named,
    )
    items = predictor.find(options.paths, split=options.split, every=options.every)
    say_passed_over(options.paths, items, predictor.things)
    items, said = _cut_to_faces(predictor, items, options.faces, required=options.faces_required)
    print(predictor.described(options.model), file=sys.stderr)
    print(f"probabilities: {predictor.manner}", file=sys.stderr)
    if said:
        print(said, file=sys.stderr)
    if options.out is None:
        if options.curve:
            raise PredictError("A video with its curve was asked for and no table: name one with --out.")
        return _print(predictor, items)
    timed: list[Prediction] = []
    with progress_bar("predict", predictor.things) as progress:
        report = write_predictions(
            predictor,
            items,
            out=options.out,
            progress=progress,
            watch=lambda row: None if row.start is None else timed.append(row),
        )
    kept = f", {report.kept} of them from before" if report.kept else ""
    unread = f", {report.unread} could not be read (column error)" if report.unread else ""
    print(f"{options.out}: {report.rows} {predictor.things}{kept}{unread}")
    _draw_timelines(timed, options.out, curve=options.curve)
    return int(report.unread == report.rows)


def _cut_to_faces(
    predictor: Predictor, items: list[PredictItem], faces: str, *, required: bool
) -> tuple[list[PredictItem], str]:
    """The items as they are shown, and what is said about it."""
    from pathlib import Path

    from affectkit.predict import PredictError, named_face_detector, read_boxes, with_boxes, with_faces

    if faces.startswith(("mediapipe:", "onnx:")):
        detector = named_face_detector(faces)
        found = with_faces(predictor, items, detector, required=required)
        return found, f"Where {detector.identity} finds a face, the largest is shown instead (column region)."
    if faces == "none":
        if required:
            raise PredictError("Faces are required and nothing says where they are: give --faces as well.")
        return items, ""
    if not faces.lower().endswith(".csv") and not Path(faces).is_file():
        named_face_detector(faces)  # which says what there is
    table = read_boxes(faces)
    boxed = with_boxes(predictor, items, table, required=required)
    fitted = len(table.keys() & {Path(item.path).resolve() for item in items})
    said = f"Of files with boxes in {faces}, what is in these is shown instead"
    return boxed, f"{said} ({fitted} of {len(table)} are among the predicted)."


def _draw_timelines(rows: Sequence[Prediction], out: str, *, curve: bool) -> None:
    """Draw each file that has parts with times, beside the table."""
    from pathlib import Path

    from affectkit.predict import Timeline, write_film_with_curve, write_timeline
    from affectkit.predict.videos.video_file import is_video

    table = Path(out)
    taken: set[str] = set()
    for timeline in Timeline.of_rows(rows):
        name = stem = f"{table.stem}.{Path(timeline.path).stem}"
        while name in taken:  # files of one name in two folders
            name = f"{stem}.{len(taken)}"
        taken.add(name)
        write_timeline(timeline, table.with_name(f"{name}.png"))
        print(f"timeline: {table.with_name(f'{name}.png')}")
        if curve and is_video(Path(timeline.path)):
            write_film_with_curve(timeline, table.with_name(f"{name}.mp4"))
            print(f"curve:    {table.with_name(f'{name}.mp4')}")


def check_paths(paths: Sequence[str]) -> None:
    """Refuse a path that leads nowhere, before anything is loaded."""
    from pathlib import Path

    from affectkit.predict import PredictError

    for path in paths:
        if not Path(path).exists():
            raise PredictError(f"There is no file or folder {path}: correct the path.")


def say_passed_over(paths: Sequence[str], items: Sequence[PredictItem], things: str) -> None:
    """Say which files in folders are not read."""
    from affectkit.predict.passed_over import passed_over, passed_over_text

    found = passed_over_text(passed_over(paths, items))
    if found:
        print(
            f"passed over in folders, among which {things} are looked for: {found}; a file that is named "
            "gets a row in any case",
            file=sys.stderr,
        )


def load_pictures(options: argparse.Namespace) -> PicturePredictor:
    """The model of pictures that the options name."""
    from affectkit.predict import PicturePredictor

    return PicturePredictor.from_checkpoint(options.model, **model_options(options))


def model_options(options: argparse.Namespace) -> dict[str, Any]:
    """How the model is loaded, as arguments of `open_predictor`."""
    from affectkit.predict import PredictError

    changes: dict[str, Any] = {}
    for text in options.option:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise PredictError(f"The option {text!r} has no value: write --option NAME=VALUE.")
        _check_free(name, options, flag="--option")
        changes[name] = value
    for text in options.part:
        name, equals, path = text.partition("=")
        if not name or not equals:
            raise PredictError(f"The part {text!r} has no place: write --part NAME=MODULE.FUNCTION.")
        # A task of recordings has a part of this name, which is no name of stored features.
        if name != "encoder" or getattr(options, name, None) is not None:
            _check_free(name, options, flag="--part")
        changes[name] = _part(name, path)
    return {
        **changes,
        "batch_size": options.batch_size,
        "device": options.device,
        "source": options.source,
        "task": None if options.task is None else _task_class(options.task),
    }


def _check_free(name: str, options: argparse.Namespace, *, flag: str) -> None:
    from affectkit.predict import PredictError

    if name in _SET_BY and (name == "view" or hasattr(options, name)):
        raise PredictError(f"{flag} cannot set {name}, which is no value of the task: use {_SET_BY[name]}.")


def _print(predictor: Predictor, items: Sequence[PredictItem]) -> int:
    from affectkit.predict.table.csv_lines import csv_lines
    from affectkit.predict.table.plain_row import plain_row
    from affectkit.predict.table.table_columns import TableColumns

    rows = [plain_row(row, predictor.identity) for row in predictor.rows(items)]
    sys.stdout.writelines(csv_lines(rows, TableColumns.of_rows(rows)))
    return int(all(row["error"] is not None for row in rows))


def _imported(path: str, *, what: str) -> object:
    """What lies at ``MODULE.NAME``; None where the module has no such name."""
    from importlib import import_module

    from affectkit.predict import PredictError

    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name, None) if module else None
    except ModuleNotFoundError as error:
        raise PredictError(
            f"The {what} {path!r} cannot be imported ({error}): name one that Python finds."
        ) from error


def _part(name: str, path: str) -> object:
    from torch import nn

    from affectkit.predict import PredictError

    found = _imported(path, what="part")
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise PredictError(
            f"The part {name!r} cannot be made by {path!r}, which is nothing that can be called: name a "
            "module of torch, or a class or function that makes one without arguments."
        )
    try:
        return found()
    except TypeError as error:
        raise PredictError(
            f"The part {name!r} cannot be made by {path!r} ({error}): name a class or function that needs no "
            "arguments."
        ) from error


def _task_class(path: str) -> type:
    from affectkit.predict import PredictError
    from affectkit.tasks import AffectTask

    found = _imported(path, what="task")
    if not isinstance(found, type) or not issubclass(found, AffectTask):
        raise PredictError(
            f"{path!r} is no task: name a subclass of affectkit.tasks.AffectTask, e.g. mine.MyTask."
        )
    return found

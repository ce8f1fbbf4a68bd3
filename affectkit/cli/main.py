"""Entry point of the `affectkit` command: parse cheaply, import late, say errors in one sentence."""

from __future__ import annotations

import argparse
import linecache
import os
import sys
from collections.abc import Sequence

from affectkit import __version__
from affectkit.cli import (
    audit,
    calibrate,
    card,
    catalogue,
    compare,
    completion,
    datasets,
    demo,
    doctor,
    ensemble,
    export,
    extract,
    graph,
    new,
    predict,
    prototypes,
    report,
    robustness,
    shards,
    teach,
    typical,
)
from affectkit.cli.grouped_help import GroupedHelp
from affectkit.cli.recipe_help import recipe_help

#: Run by LightningCLI, whose parser is built only when one of them is called.
TRAINING = {
    "fit": "train a recipe",
    "validate": "evaluate a checkpoint on the validation split",
    "test": "evaluate a checkpoint on the test split, into metrics.json",
}

DESCRIPTION = """\
affectkit trains, tests and explains models of emotion.

start here:
  affectkit demo                                      a model trained on made-up conversations, with a report
  affectkit recipes                                   what can be trained with one command
  affectkit fit --config recipe:erc_curriculum --data.init_args.root DIR
  affectkit test --config recipe:erc_curriculum --data.init_args.root DIR --ckpt_path best
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command that is not run by LightningCLI."""
    parser = argparse.ArgumentParser(
        prog="affectkit",
        usage="affectkit [-h] [--version] COMMAND ...",
        description=DESCRIPTION,
        formatter_class=GroupedHelp,
        epilog="`affectkit COMMAND --help` explains a command; AFFECTKIT_DEBUG=1 shows tracebacks.",
        add_help=False,
    )
    # In the line of the usage, so that all commands fit on one screen.
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument(
        "--version", action="version", version=f"affectkit {__version__}", help=argparse.SUPPRESS
    )
    commands = parser.add_subparsers(
        title="commands",
        metavar="COMMAND",
        required=True,
        # Else the usage of a command repeats that of the program.
        prog="affectkit",
    )
    for name, text in TRAINING.items():
        commands.add_parser(name, help=text, add_help=False)
    for module in (predict, typical, demo, catalogue, datasets, shards, audit, extract):
        module.add_parser(commands)
    for module in (teach, prototypes, graph, report, calibrate, ensemble, compare, robustness):
        module.add_parser(commands)
    for module in (export, card, new, completion, doctor):
        module.add_parser(commands)
    return parser


def is_training(arguments: Sequence[str]) -> bool:
    """Whether LightningCLI runs the command: `predict` too, where it names a configuration."""
    return bool(arguments) and (
        arguments[0] in TRAINING or (arguments[0] == "predict" and predict.asks_for_shards(arguments[1:]))
    )


def is_user_error(error: BaseException) -> bool:
    """Tell a message meant for the user (ours, Lightning's of settings, a file problem) from a bug."""
    kind = type(error)
    return (
        isinstance(error, OSError)
        or kind.__module__.startswith("affectkit.")
        # By its name: only a command that trains has loaded Lightning.
        or kind.__name__ == "MisconfigurationException"
        or (isinstance(error, ValueError) and _is_refusal(error))
    )


def _is_refusal(error: ValueError) -> bool:
    """Whether a statement of ours raised it, e.g. a task that compares itself with the data."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None or not str(place.tb_frame.f_globals.get("__name__")).startswith("affectkit."):
        return False
    # A line that fails by itself, such as one that unpacks too many values, is a bug.
    return linecache.getline(place.tb_frame.f_code.co_filename, place.tb_lineno).lstrip().startswith("raise ")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    if is_training(arguments):
        if not {"-h", "--help"}.isdisjoint(arguments[1:]):
            # Before torch is loaded; Lightning's own help takes seconds.
            print(recipe_help(arguments[0]), flush=True)
        from affectkit.cli.training import train

        return train(arguments)
    options = build_parser().parse_args(list(arguments) or ["--help"])
    return int(options.run(options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` (by default those of the process)."""
    chosen = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return run(chosen)
    except KeyboardInterrupt:
        print("affectkit: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, `head` say, has seen enough; the interpreter must not try to write the rest either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if os.environ.get("AFFECTKIT_DEBUG") or not is_user_error(error):
            raise
        print(f"affectkit: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())

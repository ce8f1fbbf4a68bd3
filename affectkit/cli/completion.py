"""`affectkit completion SHELL`: what makes a shell complete the commands and their options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from affectkit._optional import require
from affectkit.cli.command_help import CommandHelp

SHELLS = ("bash", "zsh", "fish")
_FOLDERS = frozenset({"DIR", "RUN", "SRC", "OUT", "PROJECT"})
_FILES = frozenset({"FILE", "PATH", "GRAPH"})

EXAMPLES = """\
for bash, in ~/.bashrc:
  eval "$(affectkit completion bash)"
for zsh, in a folder of $fpath:
  affectkit completion zsh > ~/.zfunc/_affectkit
for fish:
  affectkit completion fish > ~/.config/fish/completions/affectkit.fish
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "completion",
        help="let the shell complete commands and options",
        description=(
            "Print what makes a shell complete the commands of affectkit and their options. Of the training "
            "commands, whose options follow from the recipe, the common ones."
        ),
        epilog=EXAMPLES,
        formatter_class=CommandHelp,
    )
    parser.add_argument("shell", choices=SHELLS, help="which shell")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    print(completion_script(options.shell))
    return 0


def completion_script(shell: str) -> str:
    """The script for one of :data:`SHELLS`.

    Raises:
        MissingExtraError: If shtab is not installed.
    """
    # The command line imports this module.
    from affectkit.cli.main import TRAINING, build_parser

    shtab: Any = require("shtab", extra="completion", purpose="Completion in a shell")
    parser = build_parser()
    for name, command in _commands(parser):
        if name in TRAINING:
            _add_common(command)
        for action in command._actions:
            places = {action.metavar} if isinstance(action.metavar, str) else set()
            if places & _FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif places & _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    script: str = shtab.complete(parser, shell=shell)
    return script


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command below ``parser`` with its parser, parts of commands too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield name, command
                yield from _commands(command)


def _add_common(command: argparse.ArgumentParser) -> None:
    """Options of a training command that do not depend on the recipe; it parses them itself."""
    command.add_argument("--config", metavar="FILE", help="recipe:NAME, or a file")
    command.add_argument("--ckpt_path", metavar="FILE", help="last, best, or a file")
    command.add_argument("--run_folder", metavar="DIR", help="this very folder instead of runs/NAME/TIME")
    command.add_argument("--runs", metavar="DIR", help="folder in which runs are kept")
    command.add_argument("--seed_everything", metavar="N", help="seed")
    command.add_argument("--data.init_args.root", metavar="DIR", help="folder of the data set")
    command.add_argument("--trainer.max_epochs", metavar="N", help="epochs")
    command.add_argument("--trainer.devices", metavar="N", help="processes")
    command.add_argument("--print_config", action="store_true", help="show every value and stop")

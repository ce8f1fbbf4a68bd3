"""`affectkit compare`: seeds and folds of several systems in one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from affectkit.cli.command_help import CommandHelp

EXAMPLES = """\
examples:
  affectkit compare 'runs/plain/*' 'runs/curriculum/*' --metric weighted_f1
  affectkit compare 'bc-LSTM=runs/a/*' 'DialogueRNN=runs/b/*'

Quote the patterns. Runs are paired by seed and data; the first system is what the others are compared with.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "compare",
        help="seeds and folds of several systems in one table",
        description=(
            "Mean, deviation and 95 % interval of a test score over the runs of each system, and paired "
            "tests against the first. Writes comparison.json, .csv and .png."
        ),
        epilog=EXAMPLES,
        formatter_class=CommandHelp,
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folder, pattern of run folders, or NAME=PATTERN"
    )
    parser.add_argument(
        "--metric", default="weighted_f1", metavar="NAME", help="test score (default: weighted_f1)"
    )
    parser.add_argument(
        "--out", default="comparison", metavar="DIR", help="folder to write to (default: comparison)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, print, draw and write."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from affectkit.atomic_file import write_atomically
    from affectkit.report.comparison import compare_runs
    from affectkit.report.figures import comparison_figure
    from affectkit.report.page import Picture

    found = compare_runs(find_systems(options.runs), metric=options.metric)
    shown = found.table()
    table = Table(title=shown.caption, title_justify="left", box=SIMPLE, pad_edge=False)
    for place, name in enumerate(shown.header):
        table.add_column(name, justify="right" if place else "left")
    for row in shown.rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, soft_wrap=True).print(table)
    if found.folds > 1:
        print(
            f"{found.folds} data sets count as folds: corrected for their overlap by {found.test_ratio:.3f}"
        )
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "comparison.json", found.as_json())
    values = {name: [one.value for one in runs] for name, runs in found.scores.items()}
    figure = comparison_figure(values, found.summaries, score_name=f"test {found.metric}")
    picture = Picture(
        "comparison", figure, f"Test {found.metric} of each run and system.", found.runs_table()
    )
    print(f"written:  {out / 'comparison.json'}\npicture:  {picture.write(out)}")
    return 0


def find_systems(given: list[str]) -> dict[str, list[Path]]:
    """Run folders by system: the name before ``=``, else the folder that a run lies in.

    Raises:
        ComparisonError: If a pattern names no run folder.
    """
    from affectkit.report.comparison import ComparisonError

    found: dict[str, list[Path]] = {}
    for text in given:
        name, equals, pattern = text.partition("=")
        if not equals or Path(text).exists():
            name, pattern = "", text
        # `latest` is a link to one of the others.
        folders = sorted({place.resolve() for place in _matching(Path(pattern))})
        runs = [place for place in folders if (place / "config.yaml").is_file()]
        if not runs:
            raise ComparisonError(f"{pattern} names no run folder: give e.g. 'runs/NAME/*', in quotes.")
        for place in runs:
            mine = found.setdefault(name or place.parent.name, [])
            if place not in mine:
                mine.append(place)
    return found


def _matching(pattern: Path) -> list[Path]:
    if pattern.exists():
        return [pattern]
    return list(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))

"""`affectkit ensemble`: the mean of what several runs predict."""

from __future__ import annotations

import argparse
import shlex

from affectkit.cli.command_help import CommandHelp

EXAMPLES = """\
examples:
  affectkit ensemble runs/erc_curriculum/20260101-* --out runs/ensemble
  affectkit report runs/ensemble
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "ensemble",
        help="average the predictions of several runs",
        description=(
            "Average the test probabilities of runs, usually of one recipe with several seeds, and say how "
            "much they disagree about each row. The result is a run folder that `affectkit report` reads."
        ),
        epilog=EXAMPLES,
        formatter_class=CommandHelp,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder that was tested")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Average, write, and compare with the members."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from affectkit.report.calibration_record import calibration_scores
    from affectkit.report.ensemble import ensemble_runs
    from affectkit.types import IGNORE_LABEL

    found = ensemble_runs(options.runs)
    place = found.write(
        options.out, command=shlex.join(["affectkit", "ensemble", *options.runs, "--out", options.out])
    )
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("run")
    for name in ("accuracy", "NLL", "ECE"):
        table.add_column(name, justify="right")
    known = found.target != IGNORE_LABEL
    rows = {str(one.folder): one.probabilities for one in found.members}
    for name, chances in {**rows, "ensemble": found.probabilities}.items():
        if bool(known.any()):
            # What a file rounds to 0 counts as half its last digit.
            scores = calibration_scores(chances[known].clamp(min=5e-7).log(), found.target[known])
            table.add_row(name, f"{scores.accuracy:.4f}", f"{scores.nll:.4f}", f"{scores.ece:.4f}")
    Console(highlight=False, markup=False, soft_wrap=True).print(table)
    share = found.information.sum().item() / max(found.entropy.sum().item(), 1e-12)
    print(f"of the doubt, {100 * share:.1f} % is disagreement between the runs")
    print(f"run folder:  {place}\nlook at it:  affectkit report {place}")
    return 0

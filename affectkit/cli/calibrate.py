"""`affectkit calibrate`: fit a scaling of a run's logits on its validation split."""

from __future__ import annotations

import argparse

from affectkit.cli.command_help import CommandHelp
from affectkit.cli.device_option import add_device_option
from affectkit.cli.progress_bar import progress_bar

EXAMPLES = """\
examples:
  affectkit calibrate runs/erc_curriculum/latest
  affectkit calibrate runs/coop/latest --method vector
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate",
        help="make a run's probabilities honest",
        description=(
            "Fit a temperature, or a factor and a shift for each class, on the validation split of a run, "
            "never on its test split, and store it beside the checkpoint."
        ),
        epilog=EXAMPLES,
        formatter_class=CommandHelp,
    )
    parser.add_argument("folder", metavar="RUN", help="run folder")
    parser.add_argument(
        "--method", choices=("temperature", "vector"), default="temperature", help="default: temperature"
    )
    parser.add_argument("--data", metavar="DIR", help="data set in place of the one of the training")
    add_device_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, store, draw and say what changed."""
    import torch
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from affectkit.calibration.temperature_scaling import is_limit
    from affectkit.report.calibrate_run import calibrate_run
    from affectkit.report.calibration_section import draw_calibration

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    with progress_bar("calibrate", "batches") as progress:
        found = calibrate_run(
            options.folder, method=options.method, root=options.data, device=device, progress=progress
        )
    title = f"{found.rows} rows of the validation split"
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("logits")
    for name in ("NLL", "ECE", "accuracy"):
        table.add_column(name, justify="right")
    for name, scores in found.scores().items():
        table.add_row(
            name.replace("_", " "), f"{scores.nll:.4f}", f"{scores.ece:.4f}", f"{scores.accuracy:.4f}"
        )
    Console(highlight=False, markup=False, soft_wrap=True).print(table)
    if found.temperature is not None:
        # Rows of chance ask for infinity, rows that are all right for 0.
        end = (
            ", the end of its range: these rows ask for no temperature" if is_limit(found.temperature) else ""
        )
        print(f"temperature: {found.temperature:.4f}{end}")
    print(f"scaling:     {found.scaling}\npicture:     {draw_calibration(found)}")
    return 0

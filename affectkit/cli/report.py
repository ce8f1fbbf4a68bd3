"""`affectkit report`: figures and one self-contained page of a run."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command to the top-level parser."""
    parser = commands.add_parser("report", help="figures and a page of a run")
    parser.add_argument("folder", help="run folder, e.g. runs/erc_curriculum/latest")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from affectkit.report import build_report

    path = build_report(options.folder)
    print(f"report:  {path}")
    print(f"figures: {path.parent / 'figures'}")
    return 0

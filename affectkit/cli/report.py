"""`affectkit report`: figures and one self-contained page of a run."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from affectkit.cli.command_help import CommandHelp
from affectkit.cli.progress_bar import progress_bar

EXAMPLES = """\
examples:
  affectkit report runs/erc_curriculum/latest
  affectkit report runs/erc_curriculum/latest --group speaker
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the top-level parser."""
    parser = commands.add_parser(
        "report",
        help="figures and a page of a run",
        description="Write report.html, and each of its figures as PNG with its numbers, into a run folder.",
        epilog=EXAMPLES,
        formatter_class=CommandHelp,
    )
    parser.add_argument("folder", metavar="RUN", help="run folder, e.g. runs/erc_curriculum/latest")
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="FIELD",
        help="score each group of the test rows: speaker, or a name in the metadata of the samples; may be "
        "given several times",
    )
    parser.add_argument(
        "--embedding",
        action="store_true",
        help="run the model over the test split for a map of its embeddings",
    )
    parser.add_argument("--data", metavar="DIR", help="data set in place of the one of the training")
    parser.add_argument(
        "--audit",
        metavar="FILE",
        help="what `affectkit audit --out FILE` found in the data (default: audit.json in RUN or beside the "
        "data, if it is of these data)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from affectkit.report import build_report

    with progress_bar("embeddings", "batches") if options.embedding else nullcontext() as progress:
        path = build_report(
            options.folder,
            groups=options.group,
            show_embedding=options.embedding,
            root=options.data,
            audit=options.audit,
            progress=progress,
        )
    print(f"report:  {path}")
    print(f"figures: {path.parent / 'figures'}")
    return 0

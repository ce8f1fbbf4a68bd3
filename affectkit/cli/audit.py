"""`affectkit audit`: duplicates, leakage and conflicts in data sets of shards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectkit.report.audit import AuditReport


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "audit",
        help="find duplicates, leakage and conflicts in data sets",
        description=(
            "Find duplicates and near duplicates within and across splits and data sets, speakers and "
            "recordings in two splits, class counts that are not the published ones, conflicts of labels, "
            "and the mix of licences. Exit status 0; with --strict 1 if an error was found; 2 if a data "
            "set cannot be opened."
        ),
    )
    parser.add_argument("folders", nargs="+", metavar="DIR", help="folder or address of a data set")
    parser.add_argument("--out", metavar="FILE", help="write everything that was found as JSON")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if an error was found")
    parser.add_argument("--examples", action="store_true", help="show a few keys for each finding")
    parser.add_argument(
        "--text-similarity",
        type=float,
        default=0.8,
        metavar="S",
        help="Jaccard similarity from which texts are near, 0.5 to 1 (default: 0.8)",
    )
    parser.add_argument(
        "--picture-distance",
        type=int,
        default=4,
        metavar="BITS",
        help="bits in which the hashes of near pictures differ at most, 0 to 8 (default: 4)",
    )
    parser.add_argument(
        "--picture-similarity",
        type=float,
        default=0.99,
        metavar="S",
        help="correlation of pixels from which such pictures are near, 0.5 to 1 (default: 0.99)",
    )
    parser.add_argument(
        "--short-words",
        type=int,
        default=5,
        metavar="N",
        help="a text of fewer words is a phrase that may be repeated (default: 5)",
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME",
        help="field of meta that should be in one split only, e.g. episode; may be given several times",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Audit, print, write, and say by the exit status whether it is fit for use."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from affectkit.report.audit import AuditError, AuditSettings, audit_datasets

    settings = AuditSettings(
        text_similarity=options.text_similarity,
        picture_distance=options.picture_distance,
        picture_similarity=options.picture_similarity,
        short_words=options.short_words,
        groups=tuple(options.group),
    )
    if options.out is not None and not Path(options.out).absolute().parent.is_dir():
        raise AuditError(f"The folder of --out {options.out} does not exist: make it first.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("audit", total=None)
        report = audit_datasets(
            options.folders,
            settings=settings,
            on_start=lambda total: bar.update(task, total=total),
            on_sample=lambda place: bar.update(task, advance=1, description=f"audit {place}"),
        )
    _show(report, examples=options.examples)
    if options.out is not None:
        report.write(options.out)
        print(f"written:  {options.out}")
    return 1 if options.strict and report.count("error") else 0


def _show(report: AuditReport, *, examples: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from affectkit.report.audit import SEVERITIES

    colours = {"error": "bold red", "warning": "yellow", "note": "dim"}
    table = Table(title="audit")
    table.add_column("severity", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("finding")
    for finding in report.findings:
        # Names are other people's words: Text follows no markup in them.
        lines = [finding.message, *(f"  {example}" for example in finding.examples if examples)]
        table.add_row(Text(finding.severity, colours[finding.severity]), finding.code, Text("\n".join(lines)))
    console = Console(highlight=False, markup=False)
    if report.findings:
        console.print(table)
    counts = ", ".join(f"{report.count(severity)} {severity}s" for severity in SEVERITIES)
    units = sum(cost.units for cost in report.searched.values())
    sizes = sum(cost.bytes for cost in report.searched.values())
    print(f"{len(report.datasets)} data sets, {units} things compared in {sizes / 1e6:.1f} MB: {counts}")
    cut = sum(cost.cut for cost in report.searched.values())
    if cut:
        print(f"near duplicates may be missing: {cut} buckets were too large to compare all pairs in them")

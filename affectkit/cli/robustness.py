"""`affectkit robustness`: what becomes of a score when modalities are missing or disagree."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from affectkit.cli.command_help import CommandHelp
from affectkit.cli.device_option import add_device_option

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from affectkit.report.robustness import ConflictReport, PairedDifference, RobustnessReport, TrainedRun

EXAMPLES = """\
examples:
  affectkit robustness runs/erc_curriculum/latest
  affectkit robustness plain=runs/plain/latest dropout=runs/dropout/latest --data shards/meld-text --seeds 5
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "robustness",
        help="score against the share of missing modalities",
        description=(
            "Evaluate runs with each modality, and with any of them, missing in more and more utterances, "
            "and where the modalities by themselves disagree. Which utterance lacks what follows from its "
            "key, so all runs miss the same; nothing is trained. Writes robustness.json and robustness.png."
        ),
        epilog=EXAMPLES,
        formatter_class=CommandHelp,
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folder, or NAME=FOLDER; compared with the first",
    )
    parser.add_argument("--data", metavar="DIR", help="data set to evaluate (default: that of the training)")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="split (default: test)")
    parser.add_argument(
        "--rates",
        type=_rates,
        default=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        metavar="R,R",
        help="missing rates above 0, up to 1 (default: 0.1,0.2,...,0.9); 0 is always measured",
    )
    parser.add_argument(
        "--seeds", type=int, default=5, metavar="N", help="draws of what is missing (default: 5)"
    )
    parser.add_argument("--metric", metavar="NAME", help="score of table and picture, e.g. weighted_f1")
    parser.add_argument(
        "--out", metavar="DIR", help="folder to write to (default: robustness/ of the first run)"
    )
    add_device_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print, draw and write."""
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from affectkit.report.robustness import RobustnessError, compare_runs, measure_run, open_run

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    named = [_named(text) for text in options.runs]
    measured = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        # All are opened before the first is measured: what is wrong with one is found before the long part.
        waiting = [open_run(folder, root=options.data, name=name) for name, folder in named]
        for opened in waiting:
            _check_metric(options.metric, opened)
        while waiting:
            opened = waiting.pop(0)
            shown = bar.add_task(opened.name, total=None)
            measured.append(
                measure_run(
                    opened,
                    rates=options.rates,
                    seeds=options.seeds,
                    split=options.split,
                    device=device,
                    progress=_updating(bar, shown),
                )
            )
    report = compare_runs(measured)
    out = Path(options.out) if options.out is not None else Path(named[0][1]) / "robustness"
    out.mkdir(parents=True, exist_ok=True)
    # Before anything else can fail: measuring takes long.
    report.write(out / "robustness.json")
    metric = options.metric or next(iter(report.metrics), "")
    if metric not in report.metrics:
        raise RobustnessError(
            f"There is no score {metric!r}: the runs have {', '.join(report.metrics) or 'none in common'}; "
            f"all of them are in {out / 'robustness.json'}."
        )
    _show(report, metric)
    _draw(report, metric, out / "robustness.png")
    print(f"written:  {out / 'robustness.json'}\npicture:  {out / 'robustness.png'}")
    return 0


def _check_metric(metric: str | None, run: TrainedRun) -> None:
    from affectkit.report.robustness import RobustnessError

    names = list(map(str, run.task.test_metrics.keys()))
    if metric is not None and metric not in names:
        raise RobustnessError(
            f"The run {run.name} has no score {metric!r}: choose --metric among {', '.join(names) or 'none'}."
        )


def _updating(bar: Progress, shown: TaskID) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(shown, completed=done, total=total)


def _named(text: str) -> tuple[str | None, str]:
    name, equals, folder = text.partition("=")
    return (name, folder) if equals and not Path(text).exists() else (None, text)


def _rates(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of rates such as 0.3,0.5") from None


def _title(missing: str) -> str:
    from affectkit.report.robustness import ANY

    return "any" if missing == ANY else missing


def _spoken(metric: str) -> str:
    return metric.replace("_", " ").replace(" f1", " F1")


def _draw(report: RobustnessReport, metric: str, path: Path) -> None:
    from affectkit.report.figures import RobustnessPoint, robustness_figure

    curves = {
        _title(missing): {
            run.name: [RobustnessPoint(*point) for point in report.curve(run, missing, metric)]
            for run in report.runs
        }
        for missing in report.missing
    }
    figure = robustness_figure(curves, score_name=_spoken(metric))
    unfinished = path.with_name(f".{path.stem}.partial{path.suffix}")
    figure.savefig(unfinished)
    unfinished.replace(path)


def _show(report: RobustnessReport, metric: str) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from affectkit.report.robustness import ANY
    from affectkit.report.score_text import is_share, score_name, score_text

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for run in report.runs:
        title = f"{run.name}: {score_name(metric)}, mean of {report.seeds} draws"
        # A table for each run, without lines between columns: ten rates fit on 80 columns.
        table = Table(
            title=title,
            title_justify="left",
            box=SIMPLE,
            pad_edge=False,
            padding=(0, 1 if is_share(metric) else 0),
        )
        table.add_column("missing", no_wrap=True)
        for rate in report.rates:
            table.add_column(f"{rate:.0%}", justify="right", no_wrap=True)
        for missing in report.missing:
            points = report.curve(run, missing, metric)
            if points:
                table.add_row(_title(missing), *(score_text(metric, point.mean) for point in points))
        console.print(table)
    for run in report.runs[1:]:
        for rate in report.rates:
            found = report.difference(run, ANY, rate, metric)
            if found is not None:
                where = f"{run.name} - {report.runs[0].name}, any missing at {rate:.0%}"
                console.print(f"{where}: {_shown(found, metric)}")
    for run in report.runs:
        if run.conflict is not None:
            console.print(f"{run.name}: {_told(run.conflict)}")


def _shown(found: PairedDifference, metric: str) -> str:
    from affectkit.report.score_text import score_text

    mean = score_text(metric, found.mean, signed=True)
    if found.low is None or found.high is None:
        return mean
    low, high = (score_text(metric, value, signed=True) for value in (found.low, found.high))
    return f"{mean} [{low}, {high}]"


def _told(conflict: ConflictReport) -> str:
    followed = ", ".join(f"{name} {_percent(share)}" for name, share in conflict.followed.items())
    alone = ", ".join(f"{name} {_percent(share)}" for name, share in conflict.alone.items())
    return (
        f"modalities disagree in {conflict.conflicts} of {conflict.rows} rows; accuracy there "
        f"{_percent(conflict.accuracy_conflict)}, where they agree {_percent(conflict.accuracy_agree)}; "
        f"there it says what one says alone: {followed}; alone, they are right: {alone}"
    )


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f}"

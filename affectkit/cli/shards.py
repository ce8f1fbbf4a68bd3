"""`affectkit shards`: make, show, check, index, grade and convert data sets of shards."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affectkit.cli import difficulty

if TYPE_CHECKING:
    from rich.progress import Progress

    from affectkit.data.shards import Manifest

_KINDS = ("conversation", "image", "clip", "audio", "text", "features")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its parts to the parser."""
    parser = commands.add_parser("shards", help="make, show, check, index and convert data sets of shards")
    parts = parser.add_subparsers(title="parts", metavar="PART", required=True)

    part = parts.add_parser(
        "make",
        help="turn published files into shards",
        description=(
            "Turn published files into shards; equal files give equal bytes. The same command goes on "
            "after an interruption. `affectkit datasets` lists the sources and their options."
        ),
    )
    part.add_argument("source", metavar="SOURCE", help="which files they are, e.g. meld")
    part.add_argument("src", metavar="SRC", help="folder that holds the files, or the one file")
    part.add_argument("out", metavar="OUT", help="folder to make")
    part.add_argument("--overwrite", action="store_true", help="replace the data set at OUT")
    part.add_argument(
        "--shard-samples", type=int, default=1000, metavar="N", help="samples in a shard (default: 1000)"
    )
    part.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that write (default: 1)")
    part.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of the source, e.g. seed=1; may be given several times",
    )
    part.set_defaults(run=run_make)

    part = parts.add_parser("info", help="show what a data set holds")
    part.add_argument("folder", metavar="DIR", help="folder of the data set")
    part.set_defaults(run=run_info)

    part = parts.add_parser(
        "check",
        help="verify a data set",
        description=(
            "Verify checksums, headers, indexes and every sample; exit status 1 on a problem. Shards at an "
            "address pass through the cache; what it holds already is not brought again."
        ),
    )
    part.add_argument("folder", metavar="DIR", help="folder or address of the data set")
    part.add_argument("--quick", action="store_true", help="sizes, headers (of a folder) and indexes only")
    part.set_defaults(run=run_check)

    part = parts.add_parser(
        "index",
        help="index the tars of a stock writer where they lie",
        description=(
            "Index the *.tar in DIR and write a manifest over them. The tars stay as they are. If a "
            "manifest lies in DIR already, what it states is kept unless an option says otherwise."
        ),
    )
    part.add_argument("folder", metavar="DIR", help="folder that holds the tars")
    part.add_argument("--name", help="name of the data set (default: that of the folder)")
    part.add_argument("--kind", choices=_KINDS, help="what one sample is (default: image)")
    part.add_argument("--label-space", metavar="NAME", help="label order of the stored numbers")
    part.add_argument("--split", help="split of all tars (default: from names such as train-000000.tar)")
    part.add_argument(
        "--ignore", action="append", default=[], metavar="KIND", help="kind of member to leave out, e.g. pth"
    )
    part.set_defaults(run=run_index)

    difficulty.add_part(parts)

    part = parts.add_parser(
        "to-lmdb",
        help="build an LMDB from shards, for random access",
        description="Build an LMDB of the samples of shards, in their order; compares the shards' checksums.",
    )
    part.add_argument("src", metavar="SRC", help="folder or address of the shards")
    part.add_argument("out", metavar="OUT", help="folder to make")
    part.add_argument("--overwrite", action="store_true", help="replace the data set at OUT")
    part.set_defaults(run=run_to_lmdb)

    part = parts.add_parser(
        "from-lmdb",
        help="write the shards from which an LMDB was built",
        description="Write the shards from which an LMDB was built; affectkit's own come back byte for byte.",
    )
    part.add_argument("src", metavar="SRC", help="folder of the LMDB")
    part.add_argument("out", metavar="OUT", help="folder to make")
    part.add_argument("--overwrite", action="store_true", help="replace the data set at OUT")
    part.set_defaults(run=run_from_lmdb)


def run_make(options: argparse.Namespace) -> int:
    """Make a data set and show it."""
    import warnings

    from affectkit.data.sources import UnverifiedLayoutWarning, find_source, make_dataset

    source = find_source(options.source)
    if not Path(options.src).exists():
        from affectkit.data.shards import ShardError

        raise ShardError(f"There is no file or folder {options.src}: correct the path.")
    # The docs write to shards/NAME, and a newcomer has no folder shards yet.
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), _progress() as bar:
        warnings.simplefilter("always", UnverifiedLayoutWarning)
        warnings.showwarning = _tell
        task = bar.add_task(f"make {options.source}", total=None)
        manifest = make_dataset(
            source,
            options.src,
            out=options.out,
            overwrite=options.overwrite,
            options=_named_values(options.option),
            shard_samples=options.shard_samples,
            jobs=options.jobs,
            on_sample=lambda split, key: bar.update(
                task, advance=1, description=f"make {options.source} {split}"
            ),
        )
    _show(manifest, options.out)
    return 0


def _tell(message: Warning | str, *_: object, **__: object) -> None:
    # The place in the library that warns says nothing to somebody at a terminal.
    print(f"affectkit: warning: {message}", file=sys.stderr)


def _named_values(texts: Sequence[str]) -> dict[str, str]:
    from affectkit.data.shards import ShardError

    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ShardError(f"The option {text!r} has no value: write --option NAME=VALUE.")
        if values.setdefault(name, value) != value:
            raise ShardError(f"The option {name!r} is given twice, with other values: give it once.")
    return values


def run_info(options: argparse.Namespace) -> int:
    """Show the manifest of a data set."""
    from affectkit.data.shards import read_manifest

    _show(read_manifest(options.folder), options.folder)
    return 0


def run_check(options: argparse.Namespace) -> int:
    """Check a data set, print every problem, and return 1 if there is one."""
    from affectkit.data.store import check_dataset

    with _progress() as bar:
        task = bar.add_task("check", total=None)
        report = check_dataset(
            options.folder,
            quick=options.quick,
            on_shard=lambda name: bar.update(task, advance=1, description=f"check {name}"),
        )
    for problem in report.problems:
        print(problem)
    what = f"{report.shards} shards, {report.samples} samples, {report.items} items, {report.bytes} bytes"
    print(f"{options.folder}: {what}: {'whole' if report.ok else f'{len(report.problems)} problems'}")
    return 0 if report.ok else 1


def run_index(options: argparse.Namespace) -> int:
    """Index foreign tars and show the manifest."""
    from dataclasses import replace

    from affectkit.data.shards import MANIFEST_NAME, Licence, Manifest, index_foreign, read_manifest
    from affectkit.labels import label_space

    folder = Path(options.folder)
    if (folder / MANIFEST_NAME).exists():
        template = replace(read_manifest(folder), shards=())
    else:
        template = Manifest(
            name=folder.absolute().name,
            kind="image",
            label_space=None,
            licence=Licence("unknown", "unknown"),
            created_by="affectkit shards index DIR",
        )
    if options.name is not None:
        template = replace(template, name=options.name)
    if options.kind is not None:
        template = replace(template, kind=options.kind)
    if options.label_space is not None:
        template = replace(template, label_space=label_space(options.label_space))
    _show(index_foreign(folder, template, split=options.split, ignore=options.ignore), options.folder)
    return 0


def run_to_lmdb(options: argparse.Namespace) -> int:
    """Build an LMDB and show it."""
    from affectkit.data.store import shards_to_lmdb

    return _copy("to-lmdb", shards_to_lmdb, options)


def run_from_lmdb(options: argparse.Namespace) -> int:
    """Write the shards of an LMDB and show them."""
    from affectkit.data.store import lmdb_to_shards

    return _copy("from-lmdb", lmdb_to_shards, options)


def _copy(name: str, copy: Callable[..., Manifest], options: argparse.Namespace) -> int:
    with _progress() as bar:
        task = bar.add_task(name, total=None)
        manifest = copy(
            options.src,
            options.out,
            overwrite=options.overwrite,
            on_sample=lambda split, key: bar.update(task, advance=1, description=f"{name} {split}"),
        )
    _show(manifest, options.out)
    return 0


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _show(manifest: Manifest, folder: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    items = "utterances" if manifest.kind == "conversation" else "items"
    samples = "dialogues" if manifest.kind == "conversation" else "samples"
    table = Table(title=escape(f"{manifest.name} in {folder}"))
    table.add_column("")
    for split in manifest.splits:
        table.add_column(split, justify="right")
    shards = {split: manifest.split_shards(split) for split in manifest.splits}
    table.add_row("shards", *(str(len(found)) for found in shards.values()))
    table.add_row(samples, *(str(sum(entry.samples for entry in found)) for found in shards.values()))
    table.add_row(items, *(str(sum(entry.items for entry in found)) for found in shards.values()))
    table.add_row("MB", *(f"{sum(entry.bytes for entry in found) / 1e6:.1f}" for found in shards.values()))
    if manifest.label_space is not None:
        table.add_section()
        counts = manifest.class_counts
        for index, label in enumerate(manifest.label_space):
            table.add_row(
                escape(f"{index} {label}"), *(str(counts[split][index]) for split in manifest.splits)
            )
    # Names and terms are other people's words: no markup in them is ours to follow.
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(table, soft_wrap=False)
    space = "none" if manifest.label_space is None else manifest.label_space.name
    console.print(f"kind         {manifest.kind}{' (synthetic)' if manifest.synthetic else ''}")
    console.print(f"label space  {space}")
    for name, extra in sorted(manifest.extra_spaces.items()):
        console.print(f"  {name}  {extra.name}: {extra.order()}")
    if manifest.dims is not None:
        console.print(f"dimensions   {manifest.dims.name}: {', '.join(manifest.dims.axes)}")
    for name, spec in sorted(manifest.features.items()):
        console.print(f"features     {name}: {spec.dim} x {spec.dtype} by {spec.encoder}")
    if not manifest.features:
        console.print("features     none")
    licence = manifest.licence
    console.print(f"licence      {licence.name} ({licence.klass}). {licence.terms}".rstrip())
    console.print(f"made by      {manifest.created_by}")

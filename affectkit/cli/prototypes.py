"""`affectkit prototypes`: a teacher's features in each region of valence and arousal."""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "prototypes",
        help="prototypes of valence and arousal from stored answers",
        description=(
            "Average the features that `affectkit teach` stored in each cell of the plane of valence and "
            "arousal, into a file that recipes of distillation read."
        ),
    )
    parser.add_argument("data", metavar="DIR", help="data set that `affectkit teach` wrote")
    parser.add_argument("out", metavar="FILE", help="file to write, .safetensors")
    parser.add_argument("--split", default="val", help="split to average over (default: val)")
    parser.add_argument(
        "--place",
        choices=("label", "votes", "dims", "teacher"),
        default="label",
        help="where a picture lies: at its label's place, the mean place of its votes, where it was "
        "annotated, or where the teacher says (default: label)",
    )
    parser.add_argument(
        "--cells", type=int, default=5, metavar="N", help="cells along each axis (default: 5)"
    )
    parser.add_argument(
        "--teacher-scale",
        default="va.unit",
        metavar="SCALE",
        help="affect scale of the teacher's values, for --place teacher (default: va.unit)",
    )
    parser.add_argument("--plot", metavar="FILE.png", help="draw the grid")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from pathlib import Path

    from affectkit.data.shards import read_manifest
    from affectkit.labels import ValenceArousalWheel, canonical
    from affectkit.predict import make_prototypes

    grid = make_prototypes(
        options.data,
        split=options.split,
        place=options.place,
        cells=options.cells,
        teacher_scale=options.teacher_scale,
    )
    grid.save(options.out)
    full = len(grid.counts) - len(grid.filled)
    print(
        f"{options.out}: {grid.cells} x {grid.cells} cells, {full} with samples, features of width "
        f"{grid.feature_dim}, version {grid.version}"
    )
    if options.plot is not None:
        from affectkit.atomic_file import write_atomically
        from affectkit.report.figures import prototype_grid_figure
        from affectkit.report.page import Picture

        space = read_manifest(options.data).label_space
        wheel = ValenceArousalWheel()
        # Labels without a place on the wheel are left out of the picture.
        anchors = {label: wheel.point(label) for label in space or () if canonical(label) in wheel.points}
        figure = prototype_grid_figure(grid, anchors)
        write_atomically(Path(options.plot), Picture("prototypes", figure, "Prototypes").png())
        print(f"picture: {options.plot}")
    return 0

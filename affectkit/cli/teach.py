"""`affectkit teach`: a teacher's answers into new shards, beside the pictures."""

from __future__ import annotations

import argparse

from affectkit.cli.progress_bar import progress_bar
from affectkit.cli.sharing import add_sharing_options, print_outcome, share_of


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "teach",
        help="store a trained model's answers beside the pictures",
        description=(
            "Run a trained model over every picture of SRC and write a data set to OUT that holds the "
            "pictures and its logits, values and features, for students to learn from. Killed and run again, "
            "the same command does only what is missing. Under torchrun, or with --rank and --world-size, "
            "several processes share the work; the last one finishes it."
        ),
    )
    parser.add_argument("src", metavar="SRC", help="folder of a data set of pictures")
    parser.add_argument("out", metavar="OUT", help="folder to make")
    parser.add_argument(
        "--model", required=True, metavar="RUN", help="run folder of the teacher, or checkpoint"
    )
    add_sharing_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from affectkit.predict import PictureTeacher, store_teacher_answers

    share = share_of(options)
    teacher = PictureTeacher.from_run(options.model)
    with progress_bar(f"teach {teacher.identity.split()[0]}", "units") as progress:
        report = store_teacher_answers(
            options.src,
            options.out,
            teacher=teacher,
            jobs=share.jobs,
            rank=share.rank,
            world_size=share.world_size,
            overwrite=options.overwrite,
            progress=progress,
        )
    print_outcome(options.out, share, **report._asdict())
    return 0

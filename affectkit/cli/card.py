"""`affectkit card RUN`: the model card of a run."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "card",
        help="the model card of a run, or with --save a folder for the hub",
        description=(
            "Write a model card from what a run folder says: data with the class of their terms, metrics "
            "with their protocol, intended and forbidden uses. What the folder does not say, the card says "
            "is missing. With --save, also the weights and the configuration, as the hub wants them."
        ),
    )
    parser.add_argument("folder", metavar="RUN", type=Path, help="run folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="card to write (default: RUN/model_card.md)")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="DIR",
        help="folder to write with model.safetensors, config.json, README.md",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the card, and the folder where one is asked for."""
    from affectkit.atomic_file import write_atomically
    from affectkit.calibration import scaling_path
    from affectkit.share import card_of_run, load_run, save_pretrained
    from affectkit.share.ethics_page import ETHICS, write_ethics
    from affectkit.tasks.saved_folder import CARD, CONFIG, WEIGHTS

    text = card_of_run(options.folder)
    if options.save is not None:
        found = load_run(options.folder)
        save_pretrained(found.task, options.save, card=text, run=found)
        written = [WEIGHTS, CONFIG, CARD, ETHICS]
        if scaling_path(options.save / WEIGHTS).is_file():
            written.append(scaling_path(WEIGHTS).name)
        print(f"folder: {options.save} ({', '.join(written)})")
    if options.out is not None or options.save is None:
        out: Path = options.out or options.folder / "model_card.md"
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, text.encode("utf-8"))
        write_ethics(out.parent)
        print(f"card:   {out}")
    return 0

"""The option that says where a model runs."""

from __future__ import annotations

import argparse


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``; one that this machine lacks is refused before anything is loaded."""
    parser.add_argument(
        "--device", type=_present, help="cpu, cuda, cuda:1, ... (default: a GPU where there is one)"
    )


def _present(text: str) -> str:
    import torch

    try:
        torch.empty(0, device=text)
    # torch was built without it, no driver or no such device is there, or the name is none.
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be used on this machine ({reason}): give cpu, or leave the option out"
        ) from error
    return text

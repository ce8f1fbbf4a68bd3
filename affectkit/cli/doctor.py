"""`affectkit doctor`: what is installed, what is missing, and the line that mends it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from typing import Any

from affectkit import __version__
from affectkit.cli.installed import CORE, PackageState, package_states

#: Extras that join others, and those of work on affectkit itself: no user is advised to install them.
_JOINED = ("all", "bench", "dev", "docs", "test")


def add_parser(commands: Any) -> None:
    """Add `doctor` to the top-level parser."""
    parser = commands.add_parser(
        "doctor",
        help="versions, extras and the GPU; what is missing and the line that installs it",
        description="Print what is installed of what affectkit can use; fail if the core is not whole.",
    )
    parser.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    """Print the tables; 1 where something that every user needs is wrong."""
    from rich.console import Console
    from rich.table import Table

    del options
    console, states = Console(), package_states()
    core = [state for state in states if state.part == CORE]
    table = Table("package", "asked for", "installed", title="Core")
    for state in core:
        table.add_row(state.name, state.wanted, _mark(state))
    console.print(table)
    table = Table("extra", "packages", title="Extras")
    for part in dict.fromkeys(state.part for state in states if state.part != CORE):
        # A package may be asked for twice, by one of the extras that another one joins.
        packages = dict.fromkeys(f"{state.name} {_mark(state)}" for state in states if state.part == part)
        table.add_row(part, ", ".join(packages))
    console.print(table)
    for name, text in machine().items():
        print(f"{name}: {text}")
    wrong = [state for state in core if not state.fits]
    print(advice(states))
    return 1 if wrong else 0


def _mark(state: PackageState) -> str:
    if state.found is None:
        return "[red]missing[/red]" if state.part == CORE else "[dim]missing[/dim]"
    return state.found if state.fits else f"[red]{state.found}, needs {state.wanted}[/red]"


def advice(states: Sequence[PackageState]) -> str:
    """The line that installs what is missing, or that nothing is."""
    wrong = [state for state in states if state.part == CORE and not state.fits]
    if wrong:
        names = " ".join(f'"{state.name}{state.wanted}"' for state in wrong)
        return f"The core is not whole: run `pip install {names}`."
    lacking = dict.fromkeys(state.part for state in states if not state.fits and state.part not in _JOINED)
    if lacking:
        wanted = ",".join(lacking)
        return f'Extras that are not whole: take what you need of `pip install "affectkit[{wanted}]"`.'
    return "Everything that affectkit can use is installed."


def machine() -> dict[str, str]:
    """Python, processors and the accelerator, as sentences."""
    facts = {
        "affectkit": __version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
    }
    try:
        import torch
    except ImportError as error:
        return {**facts, "torch": f"cannot be imported ({error})"}
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        precision = "with bfloat16" if torch.cuda.is_bf16_supported() else "without bfloat16"
        facts["GPU"] = f"{', '.join(names)}, {precision}, CUDA {torch.version.cuda}"
    elif torch.backends.mps.is_available():
        facts["GPU"] = "Apple MPS; metrics stay on the CPU, since MPS has no float64"
    else:
        facts["GPU"] = "none: everything runs on the CPU"
    return {**facts, "torchvision": _torchvision()}


def _torchvision() -> str:
    from affectkit.data.decode.torchvision_jpeg import has_torchvision_jpeg

    try:
        version = importlib.metadata.version("torchvision")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    # One that was built for another torch is there and cannot be imported.
    return (
        version
        if has_torchvision_jpeg()
        else f"{version} does not fit this torch: install both from one index"
    )

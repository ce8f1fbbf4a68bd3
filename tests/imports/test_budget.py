"""What importing costs, measured in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FRAMEWORKS = ("open_clip", "torch_geometric", "timm", "webdataset", "lmdb")
HEAVY = ("torch", "lightning", "numpy", "matplotlib", *FRAMEWORKS)


def loaded_modules(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint('\\n'.join(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _children_seconds() -> float:
    """Processor time of the processes that were waited for: what other programs do has no part in it."""
    spent = os.times()
    return spent.children_user + spent.children_system


def test_root_import_loads_nothing_heavy() -> None:
    assert loaded_modules("import affectkit").isdisjoint(HEAVY)


def test_root_import_is_under_a_tenth_of_a_second() -> None:
    code = "import time; t = time.process_time(); import affectkit; print(time.process_time() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    assert min(times) < 0.1


def test_labels_load_without_torch() -> None:
    assert "torch" not in loaded_modules("import affectkit.labels")


@pytest.mark.parametrize(
    "room", ["losses", "metrics", "fusion", "heads", "physiology", "conversation", "curriculum"]
)
def test_plain_rooms_load_no_other_framework(room: str) -> None:
    unwanted = {*FRAMEWORKS, "lightning"}
    if room != "metrics":
        # torchmetrics itself imports these two wherever they are installed.
        unwanted |= {"transformers", "matplotlib"}
    assert loaded_modules(f"import affectkit.{room}").isdisjoint(unwanted)


@pytest.mark.parametrize(
    ("arguments", "seconds"), [(["--help"], 0.5), (["--version"], 0.5), (["list"], 1.0), (["recipes"], 1.0)]
)
def test_cheap_commands_load_no_torch_and_take_little_time(arguments: list[str], seconds: float) -> None:
    code = (
        "import sys\nfrom affectkit.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    shortest = float("inf")
    for _ in range(3):
        start = _children_seconds()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        shortest = min(shortest, _children_seconds() - start)
    assert shortest < seconds

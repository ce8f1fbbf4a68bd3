"""Every example runs as it is, offline, and says what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def run(command: list[str], folder: Path) -> str:
    # The environment's own `affectkit` first, as after activating it.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **OFFLINE, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_component_in_plain_pytorch_learns(tmp_path: Path) -> None:
    text = run([sys.executable, str(EXAMPLES / "component_in_plain_pytorch.py")], tmp_path)
    found = re.search(r"text only: (0\.\d+)", text)
    assert found is not None
    assert float(found[1]) > 0.25  # guessing by class shares gives about 0.16


def test_subclassed_task_trains_tests_and_reloads(tmp_path: Path) -> None:
    text = run([sys.executable, str(EXAMPLES / "subclass_a_task.py")], tmp_path)
    assert "test/weighted_f1" in text
    assert "reloaded InertTask" in text


def test_recipe_runs_from_the_command_line(tmp_path: Path) -> None:
    run(["bash", str(EXAMPLES / "run_a_recipe.sh"), "out"], tmp_path)
    made = tmp_path / "out" / "runs" / "erc_curriculum_tiny" / "latest"
    assert {"report.html", "metrics.json", "predictions.csv", "config.1.yaml"} <= {
        path.name for path in made.iterdir()
    }


def test_distilled_faces_are_drawn(tmp_path: Path) -> None:
    text = run([sys.executable, str(EXAMPLES / "distil_faces.py"), "--out", "out", "--steps", "20"], tmp_path)
    assert text.count("accuracy on new faces") == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"prototypes.png", "geometric_prior.png"}


def test_modalities_and_margins_are_drawn(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "draw_many_voices.py"), "--out", "out", "--steps", "5"]
    text = run([*command, "--epochs", "1"], tmp_path)
    assert text.count("accuracy on new faces") == 2 and "weighted F1 on talks with gaps" in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"modality_weights.png", "margin.png"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_example_is_run_here(path: Path) -> None:
    assert path.name in Path(__file__).read_text(encoding="utf-8")

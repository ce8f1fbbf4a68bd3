"""`affectkit new`: a project whose test passes at once and whose recipe trains."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.cli.main import main
from affectkit.cli.new import TEMPLATES, NewProjectError, make_project

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "calm-voices"
    assert main(["new", str(folder)]) == 0
    return folder


def in_project(project: Path, *arguments: str) -> str:
    """Run Python where the project lies, as after `pip install -e .`."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(project), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_tests_pass_at_once(project: Path) -> None:
    assert re.search(r"3 passed", in_project(project, "-m", "pytest", "-q", "-p", "no:cacheprovider"))


def test_the_commands_of_its_readme_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", (project / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    commands = [shlex.split(line) for line in blocks[1].splitlines()]
    assert [command[1] for command in commands] == ["shards", "extract", "fit", "test", "report"]
    monkeypatch.chdir(project)
    # One process: starting another costs more than these few dialogues.
    for command in (commands[0], [*commands[1], "--jobs", "1"]):
        assert main(command[1:]) == 0
    said = in_project(project, "-m", *commands[2], "--trainer.max_steps", "1")
    assert "affectkit report" in said
    assert (project / "runs" / "recipe" / "latest" / "checkpoints" / "last.ckpt").is_file()
    log = (project / "runs" / "recipe" / "latest" / "metrics.csv").read_text(encoding="utf-8")
    assert "entropy_step" in log  # what the project's own method adds

    (project / "talk.txt").write_text("Ann: I passed!\nBob: Great news.\n", encoding="utf-8")
    page = (ROOT / "docs" / "own_project.md").read_text(encoding="utf-8")
    (predict,) = re.findall(r"^affectkit predict .*", page, re.MULTILINE)
    words = shlex.split(predict.replace("my_emotions.MyEmotions", "calm_voices.CalmVoices"))
    assert in_project(project, "-m", *words).count("turn in its dialogue") == 2


def test_every_template_is_filled_in_and_lies_in_its_place(project: Path) -> None:
    found = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert {
        ".gitignore",
        "README.md",
        "calm_voices/__init__.py",
        "calm_voices/task.py",
        "data/columns.yaml",
        "data/dialogues.csv",
        "pyproject.toml",
        "recipe.yaml",
        "tests/test_task.py",
    } <= found
    written = [project / name for name in found if name.endswith((".py", ".toml", ".md", ".yaml", ".csv"))]
    assert [path for path in written if "{{" in path.read_text(encoding="utf-8")] == []
    assert "class CalmVoicesTask(" in (project / "calm_voices" / "task.py").read_text(encoding="utf-8")


def test_what_it_is_made_of_lies_in_the_package() -> None:
    # Whatever lies below the package goes into the wheel, except what git leaves out.
    done = subprocess.run(
        ["git", "check-ignore", *(str(path) for path in TEMPLATES.rglob("*"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert TEMPLATES.is_relative_to(ROOT / "affectkit") and done.stdout == ""


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(NewProjectError, match="exists already"):
        make_project(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My-Project", "cannot name a project"),
        ("2moods", "cannot name a project"),
        ("a--b", "cannot name a project"),
        ("class", "cannot name a project"),
        ("tests", "knows a package"),
        ("torch", "knows a package"),
        ("json", "knows a package"),
    ],
)
def test_a_name_that_would_not_work_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(NewProjectError, match=why):
        make_project(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_made_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no space left"):
        make_project(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []

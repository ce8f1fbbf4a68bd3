"""The page on a component of one's own, walked as printed in a new project."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.cli.main import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorials" / "component_project.md"
BLOCK = re.compile(r"^(`{3,})(\w+)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"(?:# |<!-- )([\w/]+\.(?:py|yaml|md))(?: -->)?\n")
MORE = {
    "fit": ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"],
    "test": ["--trainer.enable_progress_bar", "false"],
}


def run_tests() -> str:
    """Run pytest where the project lies, as after `pip install -e .`."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.filterwarnings("ignore")
def test_the_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    walked = []
    for _, kind, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        named = NAMED.match(block)
        if named is not None:
            Path(named[1]).parent.mkdir(exist_ok=True)
            Path(named[1]).write_text(block.removeprefix(named[0]), encoding="utf-8")
        elif kind == "python":
            exec(compile(block, PAGE.name, "exec"), {"__name__": PAGE.stem})
            assert capsys.readouterr().out == "InertiaContext\n"
        else:
            assert kind == "bash"
            walked += block.splitlines()
            for line in block.splitlines():
                words = shlex.split(line)
                if words[0] == "affectkit":
                    assert main([*words[1:], *MORE.get(words[1], [])]) == 0, line
                    capsys.readouterr()
                elif words[0] == "cd":
                    monkeypatch.chdir(words[1])
                    monkeypatch.syspath_prepend(Path.cwd())
                else:
                    # The tests of the project as it was made: tests/cli/test_new.py.
                    assert line in ('pip install -e ".[test]"', "pytest")
    assert walked[-1] == "pytest" and "9 passed" in run_tests()
    facts = json.loads(Path("runs/recipe/latest/metrics.json").read_text(encoding="utf-8"))
    assert (facts["context_model"], facts["context"]) == ("InertiaContext", "past")
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_emotions"]:
        del sys.modules[name]

"""What the README prints is what works: its commands parse, its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from affectkit.cli.main import build_parser, is_training
from affectkit.recipes import recipe_path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def printed_commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                found += [
                    (page.name, part.strip())
                    for part in line.split("&&")
                    if part.strip().startswith("affectkit ")
                ]
    return found


@pytest.mark.parametrize(("page", "command"), printed_commands())
def test_printed_commands_parse(page: str, command: str) -> None:
    arguments = shlex.split(command, comments=True)[1:]
    if is_training(arguments):
        # Parsed in full by tests/recipes; here: the recipe that is named exists.
        for argument in arguments:
            if argument.startswith("recipe:") and argument != "recipe:NAME":
                assert recipe_path(argument).is_file(), page
        return
    try:
        build_parser().parse_args(arguments)
    except SystemExit as stop:
        assert stop.code == 0, f"{page} prints a command that does not parse: {command}"


def test_the_python_of_the_readme_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- python -->\n```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_the_two_commands_are_marked_for_ci() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for mark, end in (("demo", "affectkit demo"), ("test", "pytest -n logical --dist loadfile")):
        found = re.search(rf"<!-- {mark} -->\n```bash\n(.*)\n```", text)
        assert found is not None
        assert found[1].endswith(end)

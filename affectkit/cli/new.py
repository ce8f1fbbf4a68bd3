"""`affectkit new PROJECT`: a project of one's own, with a task, a recipe and a test that passes at once."""

from __future__ import annotations

import argparse
import importlib.util
import keyword
import os
import re
import shutil
import sys
from pathlib import Path

from affectkit import __version__

#: What a project is made of; `package` in a path stands for the name of its package.
TEMPLATES = Path(__file__).parents[1] / "templates" / "project"
_SUFFIX = ".jinja"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")


class NewProjectError(ValueError):
    """A project cannot be made under this name or at this place."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "new",
        help="start a project of your own",
        description=(
            "Make a folder with a package that changes one method of a shipped task, a recipe, a small table "
            "of made-up dialogues, and tests that pass at once."
        ),
    )
    parser.add_argument(
        "project", metavar="PROJECT", type=Path, help="folder to make; its name is the project's"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the project and say what to do with it."""
    folder: Path = options.project
    package = make_project(folder)
    print(
        f"made {folder} with the package {package}\n\n"
        f"try next:\n"
        f"  cd {folder}\n"
        '  pip install -e ".[test]"\n'
        "  pytest\n"
        "README.md has the commands from the table of dialogues to a report."
    )
    return 0


def make_project(folder: Path) -> str:
    """Write a project to ``folder``, whole or not at all.

    Args:
        folder: Where; must not exist. Its name, in lower case, is that of the project.

    Returns:
        Name of its package: that of the project, with ``_`` for ``-``.

    Raises:
        NewProjectError: If something lies there already, or the name is none that a package can have.
    """
    from jinja2 import Environment, StrictUndefined

    place = folder.absolute()
    if os.path.lexists(place):
        raise NewProjectError(
            f"{folder} exists already, and is left as it is: give another name, or remove it."
        )
    package = _package_name(place.name)
    values = {
        "project": place.name,
        "package": package,
        "task": "".join(part.capitalize() for part in package.split("_")) + "Task",
        "version": __version__,
    }
    # Texts are code and configuration, where nothing may be escaped.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    unfinished = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        for template in sorted(TEMPLATES.rglob(f"*{_SUFFIX}")):
            target = unfinished / _target(template.relative_to(TEMPLATES), package)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = environment.from_string(template.read_text(encoding="utf-8")).render(values)
            target.write_text(text, encoding="utf-8")
        unfinished.rename(place)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return package


def _target(template: Path, package: str) -> Path:
    """Where the text of a template goes."""
    name = template.name.removesuffix(_SUFFIX)
    folder = Path(package) if template.parent == Path("package") else template.parent
    return folder / (".gitignore" if name == "gitignore" else name)


def _package_name(name: str) -> str:
    package = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(package):
        raise NewProjectError(
            f"{name!r} cannot name a project: use lower-case letters, digits and single - or _, and begin "
            "with a letter, e.g. my-emotions."
        )
    if (
        package in sys.stdlib_module_names
        or package == "tests"
        or importlib.util.find_spec(package) is not None
    ):
        raise NewProjectError(
            f"Python knows a package {package!r} already, which a project {name!r} would hide: choose "
            "another name."
        )
    return package

"""Find a shipped recipe by name. Reads text only, so that listing recipes needs no heavy import."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent
_PREFIX = "recipe:"


class UnknownRecipeError(ValueError):
    """No shipped recipe has the name that was asked for."""


class Recipe(NamedTuple):
    """A shipped recipe: its name, its file and the first comment line of the file."""

    name: str
    path: Path
    summary: str


def recipes() -> list[Recipe]:
    """List the shipped recipes in alphabetical order."""
    found = []
    for path in sorted(_FOLDER.glob("*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        found.append(Recipe(path.stem, path, first.lstrip("# ").strip()))
    return found


def recipe_path(name: str) -> Path:
    """Return the file of the recipe ``name``, given with or without the prefix ``recipe:``.

    Raises:
        UnknownRecipeError: If there is no such recipe; the message lists near names.
    """
    bare = name.removeprefix(_PREFIX)
    known = {recipe.name: recipe.path for recipe in recipes()}
    if bare in known:
        return known[bare]
    near = difflib.get_close_matches(bare, known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`affectkit recipes` lists them."
    raise UnknownRecipeError(f"There is no recipe named '{bare}': {hint}")


def resolve_recipes(arguments: list[str]) -> list[str]:
    """Replace every ``recipe:NAME`` among command-line ``arguments`` by the path of its file."""
    resolved = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if argument.startswith(_PREFIX):
            argument = str(recipe_path(argument))
        elif equals and value.startswith(_PREFIX):
            argument = f"{option}={recipe_path(value)}"
        resolved.append(argument)
    return resolved

"""What the repository says of a component beside its docstring: recipes, stored numbers, pages and places."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from affectkit.catalog import COMPONENTS, Component
from affectkit.recipes import Recipe, recipes

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
#: The option of a task that takes a part of a kind by its name.
NAMED_BY = {"adapter": "adapter", "context": "context_model", "fusion": "fusion"}
#: Pages that name many components in passing.
NOT_EXPLAINING = ("index", "results", "speed", "reference", "architecture")


def scalars(node: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a recipe, with the key that it stands under."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from scalars(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from scalars(value, key)
    elif isinstance(node, str):
        yield key, node


@functools.cache
def _recipe_words() -> list[tuple[Recipe, frozenset[tuple[str, str]]]]:
    return [
        (recipe, frozenset(scalars(yaml.safe_load(recipe.path.read_text(encoding="utf-8")))))
        for recipe in recipes()
        if not recipe.name.endswith("_tiny")
    ]


def recipes_of(row: Component) -> list[Recipe]:
    """The recipes that name a component, by its class path or by the name that its task knows it under."""
    wanted = {("class_path", row.path)}
    if row.kind in NAMED_BY:
        names = {row.name.lower(), *(alias.lower() for alias in row.aliases)}
        wanted |= {(NAMED_BY[row.kind], name) for name in names}
    return [recipe for recipe, words in _recipe_words() if wanted & words]


@functools.cache
def _golden_tests() -> list[tuple[str, frozenset[str], tuple[str, ...]]]:
    stems = sorted(path.stem for path in (ROOT / "tests/golden").glob("*.json"))
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "pytest.mark.golden" not in source:
            continue
        names = {
            alias.name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("affectkit")
            for alias in node.names
        }
        used = tuple(stem for stem in stems if re.search(rf"\b{stem}\b", source))
        if used:
            found.append((path.relative_to(ROOT).as_posix(), frozenset(names), used))
    return found


def golden_of(row: Component) -> list[tuple[str, tuple[str, ...]]]:
    """Test files that hold a verified component to stored numbers, with the names of the numbers."""
    if row.status != "verified":
        return []
    return [(path, used) for path, names, used in _golden_tests() if row.name in names]


@functools.cache
def _page_words() -> list[tuple[str, str, Counter[str]]]:
    """Name, title and words of each page, counted once: every page asks for every component."""
    found = []
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        if name in NOT_EXPLAINING or name.startswith(("mechanisms", "sources", "benchmarks", "_")):
            continue
        text = path.read_text(encoding="utf-8")
        title = next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), name)
        found.append((name, title, Counter(re.findall(r"\w+", text))))
    return found


@functools.cache
def explained_in(row: Component) -> list[tuple[str, str]]:
    """Pages that name a component more than in passing, the one that does most first."""
    counted = []
    for name, title, words in _page_words():
        times = words[row.name]
        if times >= 2:
            counted.append((-times, name, title))
    return [(name, title) for _, name, title in sorted(counted)[:3]]


def explained_on(page: str) -> list[Component]:
    """The components that a page explains, as :func:`explained_in` finds them."""
    return [row for row in COMPONENTS if page in {name for name, _ in explained_in(row)}]


def place_of(kind: type) -> str:
    """File and line where a class is written."""
    path = Path(inspect.getsourcefile(kind) or "").resolve().relative_to(ROOT)
    return f"{path.as_posix()}:{inspect.getsourcelines(kind)[1]}"


@functools.cache
def meanings(name: str) -> dict[str, str]:
    """What the catalogue's comment says of each value of a ``Literal``, e.g. of the statuses."""
    source = (ROOT / "affectkit/catalog/component.py").read_text(encoding="utf-8").splitlines()
    place = next(number for number, line in enumerate(source) if line.startswith(f"{name} = "))
    comment: list[str] = []
    while place and source[place - 1].startswith("#:"):
        place -= 1
        comment.insert(0, source[place].removeprefix("#:").strip())
    text = " ".join(comment)
    return {found[1]: found[2].strip() for found in re.finditer(r"``(\w+)``: ([^`]+?\.)(?= ``|$)", text)}

"""The catalogue tells the truth about the rooms."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.catalog import COMPONENTS, Component, component

ROOMS = (
    "conversation",
    "curriculum",
    "encoders",
    "encoders.tiny",
    "fusion",
    "heads",
    "losses",
    "metrics",
    "physiology",
    "temporal",
)
TESTS = Path(__file__).parent


def resolve(row: Component) -> type:
    room, _, attribute = row.path.rpartition(".")
    found: object = getattr(importlib.import_module(room), attribute)
    assert isinstance(found, type)
    return found


@pytest.mark.parametrize("row", COMPONENTS, ids=lambda row: row.name)
def test_every_path_imports_and_is_public(row: Component) -> None:
    room, _, attribute = row.path.rpartition(".")
    assert attribute == row.name
    assert attribute in importlib.import_module(room).__all__
    assert inspect.getdoc(resolve(row))


def test_every_public_component_class_is_listed() -> None:
    listed = {resolve(row) for row in COMPONENTS}
    for room in ROOMS:
        module = importlib.import_module(f"affectkit.{room}")
        for name in module.__all__:
            thing: object = getattr(module, name)
            if (
                not isinstance(thing, type)
                or inspect.isabstract(thing)
                or getattr(thing, "_is_protocol", False)
                # what a component gives, not a component
                or issubclass(thing, tuple)
            ):
                continue
            assert thing in listed, f"affectkit.{room}.{name} has no row in affectkit/catalog"


def test_names_and_aliases_are_unique() -> None:
    names = [name.lower() for row in COMPONENTS for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


def test_every_room_is_in_the_catalogue() -> None:
    rooms = {row.path.rpartition(".")[0].removeprefix("affectkit.") for row in COMPONENTS}
    assert rooms >= set(ROOMS)


def test_extras_exist() -> None:
    text = (TESTS.parent / "pyproject.toml").read_text(encoding="utf-8")
    for extra in {row.extra for row in COMPONENTS} - {None}:
        assert f"\n{extra} = [" in text


def golden_names() -> set[str]:
    """Names imported from affectkit by test files that hold a golden test."""
    names: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        source = path.read_text(encoding="utf-8")
        if "pytest.mark.golden" not in source or path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("affectkit"):
                names.update(alias.name for alias in node.names)
    return names


def test_verified_components_have_a_golden_test() -> None:
    checked = golden_names()
    assert checked
    for row in COMPONENTS:
        if row.status == "verified":
            assert row.name in checked, f"{row.name} is 'verified', and no golden test imports it"


def test_look_up_by_name_or_alias() -> None:
    assert component("GMU").name == "GatedFusion"
    assert component("dialoguernn").name == "DialogueRNN"
    with pytest.raises(KeyError, match="affectkit list"):
        component("nothing")


def test_reading_the_catalogue_loads_no_torch() -> None:
    code = "import sys, affectkit.catalog; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"

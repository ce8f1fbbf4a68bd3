"""A module imports from lower floors, or to its right on its own floor; the table is in the docs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "affectkit"
TABLES = re.compile(r"```floors(?::(?P<room>\w+))?\n(?P<lines>.*?)```", re.DOTALL)

#: Room name to (floor, position in its line); a larger floor may import a smaller one.
Floors = dict[str, tuple[int, int]]


def read_floors(text: str) -> dict[str, Floors]:
    tables: dict[str, Floors] = {}
    for match in TABLES.finditer(text):
        rooms: Floors = {}
        for line in match["lines"].strip().splitlines():
            number, *names = line.split()
            for position, name in enumerate(names):
                assert name not in rooms, f"room {name} stands twice in the table"
                rooms[name] = (int(number), position)
        tables[match["room"] or ""] = rooms
    return tables


def imported_modules(path: Path, package_root: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of what a file imports from this package, resolving relative imports."""
    relative = path.relative_to(package_root.parent).with_suffix("")
    own = list(relative.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == package_root.name:
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = own[: len(own) - node.level]
                module = ".".join([*base, node.module] if node.module else base)
            else:
                module = node.module or ""
            if module.split(".")[0] == package_root.name:
                for alias in node.names:
                    yield node.lineno, f"{module}.{alias.name}"


def upward_imports(package_root: Path, tables: dict[str, Floors]) -> list[str]:
    faults = []
    for path in sorted(package_root.rglob("*.py")):
        parts = path.relative_to(package_root).with_suffix("").parts
        if parts in (("__init__",), ("__main__",)):
            continue
        for line, name in imported_modules(path, package_root):
            target = name.split(".")[1:]
            for depth, (prefix, floors) in enumerate(sorted(tables.items())):
                if prefix and (parts[0] != prefix or target[:1] != [prefix]):
                    continue
                here = parts[depth] if len(parts) > depth else "__init__"
                there = target[depth] if len(target) > depth else "__init__"
                if here == there or here == "__init__" or there not in floors:
                    continue
                place = f"{path.relative_to(package_root)}:{line}"
                if here not in floors:
                    faults.append(f"{place}: the room '{here}' is missing from docs/architecture.md")
                    continue
                floor, position = floors[here]
                other, where = floors[there]
                if other > floor or (other == floor and where < position):
                    faults.append(f"{place}: {prefix or 'affectkit'} room '{here}' may not import '{there}'")
    return faults


@pytest.fixture(scope="module")
def tables() -> dict[str, Floors]:
    return read_floors((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))


def test_no_module_imports_upwards(tables: dict[str, Floors]) -> None:
    assert upward_imports(PACKAGE, tables) == []


def test_every_room_has_a_floor(tables: dict[str, Floors]) -> None:
    rooms = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.is_dir() and (path / "__init__.py").is_file()) or path.suffix == ".py"
    }
    assert rooms - {"__init__", "__main__"} <= set(tables[""])


def test_an_upward_import_is_found(tmp_path: Path) -> None:
    package = tmp_path / "affectkit"
    (package / "losses").mkdir(parents=True)
    (package / "losses" / "bad.py").write_text("from affectkit.tasks import AffectTask\n")
    (package / "losses" / "good.py").write_text("from affectkit.functional import ccc\n")
    (package / "heads").mkdir()
    (package / "heads" / "right.py").write_text("from affectkit.losses import x\n")
    (package / "losses" / "left.py").write_text("from ..heads import x\n")
    tables = read_floors("```floors\n4 tasks\n2 heads losses\n1 functional\n```")
    faults = upward_imports(package, tables)
    assert [fault.split(":")[0] for fault in faults] == ["losses/bad.py", "losses/left.py"]

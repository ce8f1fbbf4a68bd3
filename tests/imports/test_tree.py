"""The shape of the tree: small files with telling names."""

from __future__ import annotations

from pathlib import Path
from statistics import median

PACKAGE = Path(__file__).parents[2] / "affectkit"
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "misc", "common"}


def lengths() -> dict[Path, int]:
    return {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }


def test_no_file_is_over_500_lines() -> None:
    assert {str(path): count for path, count in lengths().items() if count > 500} == {}


def test_the_median_file_is_under_150_lines() -> None:
    assert median(lengths().values()) < 150


def test_no_file_is_named_after_nothing() -> None:
    assert [str(path) for path in PACKAGE.rglob("*.py") if path.stem in SAYS_NOTHING] == []

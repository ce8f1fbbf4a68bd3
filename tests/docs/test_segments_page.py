"""The page on segments of films runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from affectkit.recipes import recipe_path

PAGE = (Path(__file__).parents[2] / "docs" / "segments.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(number: int) -> None:
    exec(compile(BLOCKS[number], "docs/segments.md", "exec"), {})


def test_the_recipe_that_it_names_is_there() -> None:
    assert BLOCKS and all(recipe_path(name).is_file() for name in re.findall(r"recipe:(\w+)", PAGE))

"""The page on compound expressions runs as printed and names every rule."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from affectkit.functional import ClipRule, CompoundRule

PAGE = (Path(__file__).parents[2] / "docs" / "compound.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(number: int) -> None:
    exec(compile(BLOCKS[number], "docs/compound.md", "exec"), {})


def test_the_tables_name_every_rule() -> None:
    rules = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert rules == [*get_args(ClipRule), *get_args(CompoundRule)]

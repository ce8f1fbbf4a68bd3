"""The page on fusions runs as printed and names every one of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from affectkit.catalog import COMPONENTS
from affectkit.fusion import FusionName

PAGE = (Path(__file__).parents[2] / "docs" / "fusion.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[number], "docs/fusion.md", "exec"), {})


def test_the_table_names_every_fusion() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE))
    assert set(rows) == set(get_args(FusionName))
    fusions = {row.name for row in COMPONENTS if row.kind == "fusion"}
    assert set(rows.values()) == fusions - {"ModalityDropout"}

"""The Python of the page on conversation models, as a reader would run it from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "conversation.md"


def test_the_page_runs_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch_geometric", reason="needs the extra 'graph'")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    promised = 0
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
        printed = capsys.readouterr().out.splitlines()
        said = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
        # A comment that says what a line is about is no promise.
        exact = [line for line in said if line in printed or line.startswith(("torch.Size", "[", "("))]
        assert all(line in printed for line in exact), (said, printed)
        promised += len(exact)
    assert promised > 8
    assert [path.name for path in tmp_path.iterdir()] == ["talk.safetensors"]

"""The tutorials and how-to pages run as printed, from the first block to the last."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from affectkit.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
#: Pages whose commands start processes of their own, see test_cluster_page.py, or that walk in a project, see
#: test_component_project.py.
OTHERS = {"component_project", "many_machines"}
PAGES = sorted(
    path
    for folder in ("tutorials", "howto")
    for path in (DOCS / folder).glob("*.md")
    if path.stem not in OTHERS
)
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
NAMED = re.compile(r"# (\w+\.(?:py|yaml|csv))\n")
QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]


def run_commands(block: str) -> None:
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("PYTHONPATH=. "), comments=True)
        assert words[0] == "affectkit", line
        more = QUIET if words[1] in ("fit", "test") else []
        if words[1] == "fit" and "--ckpt_path" not in words and "--trainer.max_steps" not in words:
            more = [*more, "--trainer.max_epochs", "1"]  # the last value counts
        if words[1] == "compare":
            words[2] = words[2].replace("*", "0")
        assert main([*words[1:], *more]) == 0, line


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_block_runs_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    names: dict[str, object] = {"__name__": page.stem}
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert blocks
    promised = []
    for kind, block in blocks:
        named = NAMED.match(block)
        if named is not None:
            text = block.partition("\n")[2] if named[1].endswith(".csv") else block
            Path(named[1]).write_text(text, encoding="utf-8")
        elif kind == "bash":
            run_commands(block)
        elif kind == "python":
            exec(compile(block, page.name, "exec"), names)
            promised += re.findall(r"^\s*print\(.*\)  # (\[.*|\{.*|[a-z_]+\[.*)$", block, re.MULTILINE)
        else:
            raise AssertionError(f"{page.name} has a block of {kind!r} that nothing runs")
    printed = capsys.readouterr().out
    assert all(line in printed for line in promised), (promised, printed)
    for module in set(sys.modules) - known:
        home = getattr(sys.modules[module], "__file__", None) or ""
        if home.startswith(str(tmp_path)):
            del sys.modules[module]

"""The page about voices: its commands and its Python run, on synthesised voices."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from affectkit.cli.main import main
from affectkit.data.synthetic import write_emodb_folder, write_synthetic
from affectkit.tasks import AffectTask, AudioTask

PAGE = Path(__file__).parents[2] / "docs" / "audio.md"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*layout")
def test_every_block_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="needs the extra 'text'")
    write_emodb_folder(tmp_path / "emodb", speakers=4, versions=1, seconds=0.4)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shards").mkdir()
    write_synthetic(tmp_path / "shards" / "talks", train=2, val=1, test=1)
    (tmp_path / "features").mkdir()
    names: dict[str, Any] = {}
    for kind, block in re.findall(r"```(python|bash)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if kind == "python":
            exec(compile(block, PAGE.name, "exec"), names)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.replace("SRC", "emodb"))[1:]
            if words[0] == "fit":
                words += ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
            assert main(words) == 0, line
    assert isinstance(names["fine_tuned"], AudioTask) and isinstance(names["talk"], AffectTask)
    assert bool(torch.isfinite(names["clip"]).all())

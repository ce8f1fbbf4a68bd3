"""The page about prototype distillation, from the drawn faces to data with other labels, as printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import torch

from affectkit.cli.main import main
from affectkit.predict import PictureTeacher

PAGE = Path(__file__).parents[2] / "docs" / "prototype_distillation.md"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning")
def test_every_block_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```(python|bash|yaml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for kind, block in blocks:
        if kind == "yaml":
            name = block.splitlines()[0].removeprefix("# ")
            (tmp_path / name).write_text(block, encoding="utf-8")
            continue
        if kind == "python":
            exec(compile(block, PAGE.name, "exec"), names)
            continue
        for line in block.splitlines():
            arguments = shlex.split(line, comments=True)
            assert arguments[0] == "affectkit"
            assert main(arguments[1:]) == 0, line
    assert isinstance(names["teacher"], PictureTeacher)
    stored = torch.load(tmp_path / "clip" / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert {"encoders.visual.adapter.context", "fusion.values.1.weight"} <= set(stored)
    assert (tmp_path / "prototypes.png").stat().st_size > 10_000
    crossed = json.loads((tmp_path / "crossed" / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    table = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(table) == 3
    for everyone, present in table:
        assert 0 <= crossed[f"test/{everyone}"] <= crossed[f"test/{present}"] <= 1

"""The page about audiences: its Python runs in order, its commands name what exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectkit.cli.main import build_parser, main
from affectkit.data.modules import AudienceDataModule
from affectkit.data.synthetic import write_synthetic_audience
from affectkit.physiology import GroupMeans
from affectkit.recipes import recipe_path

PAGE = (Path(__file__).parents[2] / "docs" / "audience.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return [str(block) for block in found]


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "audience.md", "exec"), names)
    groups, data, reactions = names["groups"], names["data"], names["reactions"]
    assert (
        isinstance(groups, GroupMeans) and isinstance(reactions, Tensor) and bool(reactions.isfinite().all())
    )
    assert ("total-user", "total-user") in groups.keys and len(groups.keys) == 9
    assert isinstance(data, AudienceDataModule) and len(data.table) == 18 * 2 * 24
    assert (tmp_path / "shards" / "mine" / "manifest.json").is_file()


def test_commands_name_what_exists() -> None:
    for line in blocks("bash")[0].splitlines():
        _, *arguments = shlex.split(line)
        if arguments[0] == "report":
            assert callable(build_parser().parse_args(arguments).run)
        else:
            assert recipe_path(arguments[arguments.index("--config") + 1]).is_file()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_other_encoders_and_fusions_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("yaml")
    Path("adapted_audience.yaml").write_text(block, encoding="utf-8")
    Path("shards").mkdir()
    write_synthetic_audience("shards/audience", people=14, videos=6, scenes=1)
    (line,) = re.findall(r"`affectkit (fit [^`]*adapted_audience[^`]*)`", PAGE)
    assert main([*shlex.split(line), "--trainer.max_epochs", "1", "--run_folder", "run"]) == 0
    stored = torch.load("run/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert "encoders.text.adapter.0.weight" in stored

"""The page about label graphs: its Python runs in order, its commands parse, its YAML builds a head."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from affectkit.cli.main import build_parser
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.types import Encoding

PAGE = (Path(__file__).parents[2] / "docs" / "label_graphs.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return [str(block) for block in found]


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "label_graphs.md", "exec"), names)
    assert (tmp_path / "graph.safetensors").is_file()
    assert isinstance(names["head"], CategoricalDimensionalGraphHead) and names["Encoding"] is Encoding


def test_commands_parse() -> None:
    for line in blocks("bash")[0].splitlines():
        _, *arguments = shlex.split(line, comments=True)
        assert callable(build_parser().parse_args(arguments).run)


def test_the_yaml_names_real_options() -> None:
    options = yaml.safe_load(blocks("yaml")[0])["head"]["init_args"]
    options["graph"], options["label_encoder"] = "affectnet7", None
    head = CategoricalDimensionalGraphHead(**options)
    assert list(head.bounds or ()) == [-1, 1] and head.in_dim == 512

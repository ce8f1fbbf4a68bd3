"""The page about label graphs: its Python runs in order, its commands parse, its YAML builds a head."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml

from affectkit.cli.main import build_parser, main
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.graph import LabelGraph
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.predict.pictures.trained_task import find_checkpoint
from affectkit.tasks import CategoricalDimensionalTask
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning")
def test_three_commands_make_the_graph_of_ones_own_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in blocks("python") if "mine.csv" in block]
    exec(compile(block, "label_graphs.md", "exec"), {})
    (commands,) = [block.splitlines() for block in blocks("bash") if "mine.csv" in block]
    assert len(commands) == 3
    for line in commands:
        _, *arguments = shlex.split(line)
        if arguments[0] == "fit":
            arguments += ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
        assert main(arguments) == 0
    best = find_checkpoint(tmp_path / "runs" / "emotion_gcn_tiny")
    # Cheerful faces were rated pleasant, and the graph says so.
    graph = LabelGraph.load("graph.safetensors")
    assert graph.statistics is not None and graph.statistics[1, 4] > 0.5 and graph.adjacency[1, 4] > 0
    Path("graph.safetensors").unlink()
    task = CategoricalDimensionalTask.load_from_checkpoint(best)
    assert task.label_space is not None and task.label_space.labels == ("calm", "cheerful", "gloomy", "cross")
    assert task.report_facts()["graph"] == graph.origin


def test_the_yaml_names_real_options() -> None:
    (block,) = [block for block in blocks("yaml") if block.startswith("head:")]
    options = yaml.safe_load(block)["head"]["init_args"]
    options["graph"], options["label_encoder"] = "affectnet7", None
    head = CategoricalDimensionalGraphHead(**options)
    assert list(head.bounds or ()) == [-1, 1] and head.in_dim == 512


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning")
def test_an_adapter_and_another_fusion_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in blocks("yaml") if block.startswith("# clip_and_context.yaml")]
    Path("clip_and_context.yaml").write_text(block, encoding="utf-8")
    write_synthetic_pictures("faces", train=14, val=7, test=7, targets="both", height=36, width=54)
    assert main(["graph", "make", "faces", "graph.safetensors", "--threshold", "0.05"]) == 0
    (line,) = re.findall(r"`affectkit (fit [^`]*clip_and_context[^`]*)`", PAGE)
    given = [*shlex.split(line), "--data.init_args.root", "faces", "--data.init_args.batch_size", "7"]
    assert main([*given, "--trainer.max_epochs", "1", "--run_folder", "run"]) == 0
    stored = torch.load("run/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert any("lora" in name for name in stored) and "fusion.projections.1.weight" in stored

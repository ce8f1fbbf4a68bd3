from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
import yaml

from affectkit.adapters import TipAdapter
from affectkit.graph import LabelGraph
from affectkit.labels import affect_scale, label_space
from affectkit.recipes import recipe_path
from affectkit.share import build_task
from affectkit.tasks import AffectTask, PromptTuningTask

#: Task of a recipe as it begins, and the configuration of its model and data; nothing is trained.
Build: TypeAlias = Callable[[str], tuple[AffectTask, dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("graphs")

    def made(name: str) -> tuple[AffectTask, dict[str, Any], dict[str, Any]]:
        # Interpolations of a recipe go up from where they stand, as in the command line.
        recipe = yaml.safe_load(recipe_path(name).read_text(encoding="utf-8"))
        resolved = resolve(recipe, (), recipe)
        assert isinstance(resolved, dict)
        model, data = resolved["model"], resolved["data"]
        if "graph" in model["init_args"]:
            model["init_args"]["graph"] = graph_file(
                folder / f"{name}.safetensors", model["init_args"]["label_space"], model["init_args"]["scale"]
            )
        torch.manual_seed(0)
        task = build_task(model)
        if isinstance(task, PromptTuningTask) and isinstance(task.adapter, TipAdapter):
            # What the first epoch does before it begins.
            pictures = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(0))
            task.adapter.build_cache([(pictures, torch.arange(7))])
        return task.eval(), model, data

    return made


def graph_file(path: Path, space: str, scale: str) -> str:
    edges = [("joy", "valence"), ("anger", "arousal"), ("fear", "arousal")]
    LabelGraph.from_edges(edges, space=label_space(space), scale=affect_scale(scale)).save(path)
    return str(path)


def resolve(value: object, place: tuple[str, ...], root: Mapping[str, object]) -> object:
    """Fill in relative references such as ``${...data.init_args.root}``: n dots go up n levels."""
    if isinstance(value, dict):
        return {key: resolve(item, (*place, str(key)), root) for key, item in value.items()}
    if not isinstance(value, str) or not value.startswith("${"):
        return value
    path = value[2:-1]
    up = len(path) - len(path.lstrip("."))
    found: object = root
    for key in (*place[: len(place) - up], *path.lstrip(".").split(".")):
        assert isinstance(found, dict)
        found = found[key]
    return resolve(found, place, root)

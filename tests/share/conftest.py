from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from torch.export import ExportedProgram

from affectkit.adapters import TipAdapter
from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.encoders import PrincipalComponentsEncoder
from affectkit.graph import LabelGraph
from affectkit.labels import affect_scale, label_space
from affectkit.recipes import recipe_path, recipes
from affectkit.share import UNEXPORTABLE, BatchCall, ShareError, build_task, export_task
from affectkit.share.export_task import FORMS, ExportForm, ExportReport
from affectkit.share.torch_program import trace
from affectkit.tasks import AffectTask, PromptTuningTask

#: Task of a recipe as it begins, and the configuration of its model and data; nothing is trained.
Build: TypeAlias = Callable[[str], tuple[AffectTask, dict[str, Any], dict[str, Any]]]
#: Exports a recipe, or finds that it says why it cannot be (None).
ExportRecipe: TypeAlias = Callable[[str, Path, ExportForm], ExportReport | None]
TINY = sorted(recipe.name for recipe in recipes() if recipe.name.endswith("_tiny"))
DIALOGUES = {
    name
    for name in TINY
    if "Conversation" in yaml.safe_load(recipe_path(name).read_text(encoding="utf-8"))["data"]["class_path"]
}
#: Turns of a conversation: a recurrence is written out turn by turn.
TURNS = 4


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
        for part in task.modules():
            if isinstance(part, PrincipalComponentsEncoder):
                part.fit(torch.randn(40, part.in_dim, generator=torch.Generator().manual_seed(0)))
        if isinstance(task, PromptTuningTask) and isinstance(task.adapter, TipAdapter):
            # What the first epoch does before it begins.
            pictures = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(0))
            task.adapter.build_cache([(pictures, torch.arange(7))])
        return task.eval(), model, data

    return made


@pytest.fixture(scope="session")
def export_recipe(build: Build) -> ExportRecipe:
    """Export a recipe's task; both formats, asked for one after the other, share what was traced."""
    last: dict[str, tuple[AffectTask, dict[str, Any]]] = {}
    programs: dict[AffectTask, ExportedProgram] = {}

    def traced(call: BatchCall) -> ExportedProgram:
        if call.task not in programs:
            programs[call.task] = trace(call)
        return programs[call.task]

    def exported(recipe: str, out: Path, form: ExportForm) -> ExportReport | None:
        if recipe not in last:
            last.clear()
            programs.clear()
            task, _, data = build(recipe)
            last[recipe] = task, data
        task, data = last[recipe]
        known = next((row for row in UNEXPORTABLE if recipe.removesuffix("_tiny") in row.recipes), None)
        if known is not None:
            sentence = re.escape(f"{known.part} cannot be exported: it {known.reason}; use it from Python")
            with pytest.raises(ShareError, match=sentence):
                export_task(task, out, data=data, form=form)
            assert not out.exists()
            return None
        length = TURNS if data["class_path"].endswith(".ConversationDataModule") else None
        with pytest.MonkeyPatch.context() as patch:
            # By the table of modules: the package has a function under the module's name.
            patch.setattr(sys.modules["affectkit.share.export_task"], "trace", traced)
            return export_task(task, out, data=data, form=form, length=length)

    return exported


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tiny variant of every recipe in both formats, in two files that two processes can share."""
    if "exported" not in metafunc.fixturenames:
        return
    here = "dialogue" in metafunc.module.__name__
    cases = [(name, form) for name in TINY if (name in DIALOGUES) == here for form in FORMS]
    metafunc.parametrize(("recipe", "form"), cases)


@pytest.fixture
def exported(
    recipe: str, form: ExportForm, export_recipe: ExportRecipe, tmp_path: Path
) -> ExportReport | None:
    """What came of a recipe in a format."""
    if form == "onnx":
        pytest.importorskip("onnxscript", reason="needs the extra 'export'")
        pytest.importorskip("onnxruntime", reason="needs the extra 'export'")
    return export_recipe(recipe, tmp_path / "model", form)


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


@pytest.fixture(scope="session")
def run_folder(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as `affectkit fit` and `test` leave it, of a task that learnt nothing."""
    home = tmp_path_factory.mktemp("home")
    (home / "shards").mkdir()
    write_dialogues(home / "shards" / "talk")
    task, model, data = build("erc_curriculum_tiny")
    folder = home / "runs" / "talk" / "20300101-000000"
    (folder / "checkpoints").mkdir(parents=True)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(folder / "checkpoints" / "best.ckpt", weights_only=False)
    data["init_args"]["root"] = str(home / "shards" / "talk")
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": model, "data": data}), encoding="utf-8")
    root = home / "shards" / "talk"
    (folder / "commands.txt").write_text(f"affectkit fit --data.init_args.root {root}\n", encoding="utf-8")
    results = {
        "task": "ConversationTask",
        "context": "both",
        "metrics": {"test/weighted_f1": 0.25, "test/uar_present": None},
        "protocols": {"test/weighted_f1": "f1[weighted]"},
    }
    (folder / "metrics.json").write_text(json.dumps(results), encoding="utf-8")
    (folder.parent / "latest").symlink_to(folder.name)
    return folder


def write_dialogues(folder: Path) -> None:
    manifest = Manifest(
        name="talk",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC BY-NC 4.0", "non-commercial", "Name the | authors."),
        created_by="tests",
        features={},
    )
    with DatasetWriter(folder, manifest) as writer:
        for split in ("train", "val", "test"):
            record: ConversationRecord = {
                "id": split,
                "speakers": ["A"],
                "utterances": [{"id": "u", "text": "yes", "speaker": 0, "label": 0}],
            }
            writer.add_conversation(split, f"{split}-0", record, features={})

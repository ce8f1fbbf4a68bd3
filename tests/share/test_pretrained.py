"""Every shipped task to a folder and back: the same answers, and nothing that runs code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
import yaml
from safetensors.torch import load_file

import affectkit.tasks
from affectkit.data import AffectBatch
from affectkit.data.loader import PictureView
from affectkit.data.loader.node_collate import HYPERGRAPH
from affectkit.encoders import ProjectionEncoder
from affectkit.fusion import ConcatFusion
from affectkit.graph import attribute_hypergraph
from affectkit.heads import ClassificationHead
from affectkit.losses import ClassificationLoss
from affectkit.recipes import recipes
from affectkit.share import BatchCall, ShareError, TrainedRun, load_pretrained, save_pretrained, with_hub
from affectkit.share.input_specs import input_specs
from affectkit.tasks import AffectTask, CheckpointRecord, ConversationTask, MissingPartError
from affectkit.types import AffectOutput

Build: TypeAlias = Callable[[str], tuple[AffectTask, dict[str, Any], dict[str, Any]]]

#: A recipe of each task.
RECIPES = {
    str(yaml.safe_load(recipe.path.read_text(encoding="utf-8"))["model"]["class_path"]).rpartition(".")[
        2
    ]: recipe.name
    for recipe in recipes()
    if recipe.name.endswith("_tiny")
}


def small_batch(task: AffectTask, data: dict[str, Any]) -> AffectBatch:
    """A batch of those tasks that read more than tensors by name."""
    valid = torch.ones(3, dtype=torch.bool)
    match type(task).__name__:
        case "VisualnessTask":
            return AffectBatch(inputs={}, valid=valid, meta={"text": ["a red hat", "why not", "two dogs"]})
        case "ConversationLLMTask":
            ids = torch.randint(3, 90, (3, 12), generator=torch.Generator().manual_seed(0))
            return AffectBatch(inputs={"prompt": ids}, valid=valid)
        case "ConversationMediaTask":
            turns = torch.ones(3, 2, dtype=torch.bool)
            return AffectBatch(
                inputs={
                    "audio": torch.randn(3, 2, 4000, generator=torch.Generator().manual_seed(0)),
                    "text": torch.arange(5, 11).reshape(1, 2, 3).expand(3, 2, 3),
                    "visual": torch.arange(256, dtype=torch.uint8).repeat(216).reshape(3, 2, 1, 3, 48, 64),
                },
                valid=valid,
                masks={"utterance": turns},
                speaker=torch.zeros(3, 2, dtype=torch.int64),
            )
        case _:
            graph = attribute_hypergraph({"scene": ["a", "a", "b"], "age": [None, "20s", "20s"]})
            rows = {name: torch.randn(3, width or 1) for name, width in task.input_dims.items()}
            return AffectBatch(inputs=rows, valid=valid, meta={HYPERGRAPH: graph})


def answers(task: AffectTask, data: dict[str, Any], batch: AffectBatch | None) -> list[torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        if batch is None:
            call = BatchCall(task, input_specs(task, data))
            return list(call(*call.example(3)))
        output: AffectOutput = task(batch)
    found = [output.logits, output.dims, *(output.extra or {}).values()]
    return [tensor for tensor in found if tensor is not None]


def test_every_shipped_task_is_tried() -> None:
    found: set[str] = set()
    for name in affectkit.tasks.__all__:
        kind: object = getattr(affectkit.tasks, name)
        if isinstance(kind, type) and issubclass(kind, AffectTask):
            found.add(name)
    assert set(RECIPES) == found - {"AffectTask"}  # that one is tried with parts of its own below


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_task_comes_back_with_the_same_answers(name: str, build: Build, tmp_path: Path) -> None:
    task, _, data = build(RECIPES[name])
    with torch.no_grad():
        for parameter in task.parameters():
            if parameter.requires_grad:  # no start that a new task would have too
                parameter.add_(0.01 * torch.randn_like(parameter))
    special = name in ("AudienceTask", "ConversationLLMTask", "ConversationMediaTask", "VisualnessTask")
    batch = small_batch(task, data) if special else None
    expected = answers(task, data, batch)
    save_pretrained(task, tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "README.md",
        "config.json",
        "ethics.md",
        "model.safetensors",
    ]
    again = load_pretrained(tmp_path / "model")
    assert type(again) is type(task) and not again.training
    found = answers(again, data, batch)
    assert expected and len(found) == len(expected)
    for mine, theirs in zip(expected, found, strict=True):
        torch.testing.assert_close(theirs, mine, atol=0, rtol=0)


def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    return {
        "encoders": {"text": ProjectionEncoder(6, 4)},
        "fusion": ConcatFusion({"text": 4}),
        "head": ClassificationHead(4, 7),
        "loss": ClassificationLoss(7),
    }


def test_ready_parts_are_given_again(tmp_path: Path) -> None:
    task = AffectTask(**parts(), label_space="meld7.official").eval()
    save_pretrained(task, tmp_path)
    with pytest.raises(MissingPartError, match="fusion"):
        load_pretrained(tmp_path)
    torch.manual_seed(5)
    again = load_pretrained(tmp_path, **parts(), label_space="meld7.official")
    batch = AffectBatch(inputs={"text": torch.randn(2, 6)}, valid=torch.ones(2, dtype=torch.bool))
    with torch.no_grad():
        torch.testing.assert_close(again(batch).logits, task(batch).logits, atol=0, rtol=0)


def test_parts_of_the_configuration_are_built_again(build: Build, tmp_path: Path) -> None:
    task, model, data = build("emotiontalk_attention_tiny")
    record = CheckpointRecord(
        version="0", injected=("encoders", "fusion"), label_space=task.label_space, task="affectkit.tasks.X"
    )
    run = TrainedRun(task, record, tmp_path / "none.ckpt", "00", {"model": model})
    record.__dict__["task"] = f"{type(task).__module__}.{type(task).__qualname__}"
    save_pretrained(task, tmp_path, run=run)
    again = load_pretrained(tmp_path)
    for mine, theirs in zip(answers(task, data, None), answers(again, data, None), strict=True):
        torch.testing.assert_close(theirs, mine, atol=0, rtol=0)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["model"]["init_args"]["fusion"]["class_path"] = "os.system"
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ShareError, match=r"names os\.system, which is not part of affectkit"):
        load_pretrained(tmp_path)


def test_a_folder_never_has_a_class_imported(build: Build, tmp_path: Path) -> None:
    task, _, _ = build("erc_curriculum_tiny")
    save_pretrained(task, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["affectkit"]["task"] = "mine.task.MyTask"
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ShareError, match=r"load_pretrained\(folder, task=MyTask\)"):
        load_pretrained(tmp_path)
    assert isinstance(load_pretrained(tmp_path, task=ConversationTask), ConversationTask)


def test_how_pictures_were_shown_comes_along(build: Build, tmp_path: Path) -> None:
    task, _, _ = build("neurogaze_distill_tiny")
    record = CheckpointRecord(
        version="0",
        label_space=task.label_space,
        task=f"{type(task).__module__}.{type(task).__qualname__}",
        pictures=PictureView(32),
    )
    save_pretrained(task, tmp_path, run=TrainedRun(task, record, tmp_path / "none.ckpt", "00", {}))
    found = CheckpointRecord.of(json.loads((tmp_path / "config.json").read_text(encoding="utf-8")))
    assert found is not None and found.pictures == PictureView(32)
    load_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("config.json", None, "There is no"),
        ("config.json", "{", "is no JSON"),
        ("config.json", "{}", "is none of affectkit"),
        ("model.safetensors", None, "is not whole"),
        ("model.safetensors", "damaged", "is not whole"),
    ],
)
def test_a_folder_that_is_not_whole_is_named(
    name: str, text: str | None, why: str, build: Build, tmp_path: Path
) -> None:
    task, _, _ = build("erc_curriculum_tiny")
    save_pretrained(task, tmp_path)
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(ShareError, match=why):
        load_pretrained(tmp_path)


def test_a_card_of_ones_own_stays(build: Build, tmp_path: Path) -> None:
    task, _, _ = build("erc_curriculum_tiny")
    save_pretrained(task, tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    (link,) = re.findall(r"\[page on ethics and law\]\((\S+)\)", card)
    assert "Article 50" in (tmp_path / link).read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text("mine")
    save_pretrained(task, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    save_pretrained(task, tmp_path, card="new")
    assert (tmp_path / "README.md").read_text() == "new"


def test_the_mixin_of_the_hub_writes_the_same_folder(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    kind: Any = with_hub(ConversationTask)
    torch.manual_seed(0)
    task = kind("meld7.official", {"text": 6}, hidden_dim=4).eval()
    task.save_pretrained(tmp_path / "hub")
    again = kind.from_pretrained(tmp_path / "hub")
    assert type(again) is kind and isinstance(load_pretrained(tmp_path / "hub"), ConversationTask)
    mine, theirs = task.state_dict(), again.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert "(ethics.md)" in (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "hub" / "ethics.md").is_file()
    changed = kind.from_pretrained(tmp_path / "hub", dropout=0.75)
    assert changed.hparams["dropout"] == 0.75


def test_a_component_goes_to_the_hub(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    kind: Any = with_hub(ClassificationHead)
    torch.manual_seed(0)
    head = kind(8, 3, hidden_dim=5)
    head.save_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path)
    assert set(load_file(tmp_path / "model.safetensors")) == set(head.state_dict())
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "in_dim": 8,
        "num_classes": 3,
        "hidden_dim": 5,
        "dropout": 0.0,
    }
    for name, tensor in head.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])

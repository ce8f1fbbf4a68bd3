"""A graph head, its loss and a fusion in tasks that know nothing of them, by YAML alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.data.synthetic import write_synthetic_clips, write_synthetic_pictures
from affectkit.encoders.clip import clip_base
from affectkit.fusion import GatedFusion, SumFusion
from affectkit.graph import LabelGraph
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.labels import label_space
from affectkit.losses import CCCLoss, ClassificationLoss, UncertaintyWeightedSum, WeightedSum
from affectkit.tasks import ConversationTask, PromptTuningTask
from affectkit.types import Loss

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]


def parts(graph: Path, in_dim: int, *, loss: str) -> dict[str, object]:
    """Head and loss as a YAML file names them."""
    losses: dict[str, object] = {
        "emotion": {"class_path": "affectkit.losses.ClassificationLoss", "init_args": {"num_classes": 7}},
        "va": {"class_path": "affectkit.losses.CCCLoss"},
    }
    given: dict[str, object] = {"losses": losses}
    if loss == "WeightedSum":
        given["weights"] = {"va": 0.5}
    return {
        "head": {
            "class_path": "affectkit.heads.CategoricalDimensionalGraphHead",
            "init_args": {
                "in_dim": in_dim,
                "graph": str(graph),
                "embedding_dim": 6,
                "hidden_dims": [8],
                "bounds": [-1, 1],
            },
        },
        "loss": {"class_path": f"affectkit.losses.{loss}", "init_args": given},
    }


def head(graph: Path, in_dim: int) -> CategoricalDimensionalGraphHead:
    return CategoricalDimensionalGraphHead(in_dim, graph, embedding_dim=6, hidden_dims=(8,), bounds=(-1, 1))


def losses() -> dict[str, Loss]:
    return {"emotion": ClassificationLoss(7), "va": CCCLoss()}


def config(folder: Path, model: dict[str, object]) -> str:
    path = folder / "parts.yaml"
    path.write_text(yaml.safe_dump({"model": {"init_args": model}}), encoding="utf-8")
    return str(path)


def graph_of(shards: str, folder: Path) -> Path:
    assert main(["graph", "make", shards, str(folder / "graph.safetensors"), "--threshold", "0.05"]) == 0
    return folder / "graph.safetensors"


def test_a_prompt_adapter_with_a_graph_head(tmp_path: Path) -> None:
    faces = str(tmp_path / "faces")
    write_synthetic_pictures(faces, train=14, val=7, test=7, targets="both", height=36, width=54)
    width = clip_base("tiny").embed_dim
    graph = graph_of(faces, tmp_path)
    model = parts(graph, width, loss="WeightedSum")
    given = ["--config", "recipe:clip_lora_tiny", "--config", config(tmp_path, model)]
    given += ["--data.init_args.root", faces, "--data.init_args.batch_size", "7"]
    given += ["--run_folder", str(tmp_path / "run"), "--trainer.devices", "1"]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    header = (tmp_path / "run" / "predictions.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "p_joy" in header and "dim_valence" in header and "dim_arousal" in header
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    # What YAML named is a ready part: it is given again, here in Python.
    task = PromptTuningTask.load_from_checkpoint(best, head=head(graph, width), loss=WeightedSum(losses()))
    assert isinstance(task.head, CategoricalDimensionalGraphHead) and list(task.head.bounds or ()) == [-1, 1]
    state = torch.load(best, weights_only=True)["state_dict"]
    assert torch.equal(state["head.network.weights.1"], task.head.network.weights[1])
    saved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["model"]["init_args"]
    assert saved["loss"]["init_args"]["weights"] == {"va": 0.5}


def test_clips_through_maple_a_gate_and_a_graph_head(tmp_path: Path) -> None:
    clips = str(tmp_path / "clips")
    write_synthetic_clips(clips, train=14, val=7, test=7, frames=4, height=36, width=54)
    graph = tmp_path / "graph.safetensors"
    LabelGraph.from_anchors(label_space("meld7.official")).save(graph)
    width = clip_base("tiny").embed_dim
    model = parts(graph, width, loss="WeightedSum")
    # These clips have labels alone.
    emotion = {"class_path": "affectkit.losses.ClassificationLoss", "init_args": {"num_classes": 7}}
    model["loss"] = {
        "class_path": "affectkit.losses.WeightedSum",
        "init_args": {"losses": {"emotion": emotion}},
    }
    model |= {"adapter": "maple", "adapter_options": {"num_context": 2, "depth": 2}, "finetune": None}
    model |= {"fusion": "gate", "lr_by_name": None}
    given = ["--config", "recipe:clip_caer_tiny", "--config", config(tmp_path, model)]
    given += ["--data.init_args.root", clips, "--data.init_args.batch_size", "7"]
    given += ["--run_folder", str(tmp_path / "run"), "--trainer.devices", "1"]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    task = PromptTuningTask.load_from_checkpoint(best, head=head(graph, width), loss=WeightedSum(losses()))
    assert isinstance(task.fusion, GatedFusion)
    optimizer, _ = task.optimizer_factory(task.named_parameters(), total_steps=2)
    names = {id(parameter): name for name, parameter in task.named_parameters()}
    order = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
    state = torch.load(best, weights_only=True)["optimizer_states"][0]["state"]
    # A parameter without gradient has a mean of gradients of exactly 0.
    moved = {name: bool(state[number]["exp_avg"].any()) for number, name in enumerate(order)}
    of_adapter = [moves for name, moves in moved.items() if name.startswith("image_adapter")]
    assert len(of_adapter) > 2 and all(of_adapter)
    assert moved["head.network.weights.0"] and any(name.startswith("fusion") for name in moved)


def test_a_conversation_with_a_graph_head_and_another_fusion(
    synthetic_features: Path, tmp_path: Path
) -> None:
    graph = graph_of(str(synthetic_features), tmp_path)
    model = parts(graph, 8 + 12, loss="UncertaintyWeightedSum")
    widths = {"text": 8, "visual": 8, "audio": 8}
    model["fusion"] = {"class_path": "affectkit.fusion.SumFusion", "init_args": {"in_dims": widths}}
    model["class_weights"] = "none"
    given = ["--config", "recipe:erc_curriculum_tiny", "--config", config(tmp_path, model)]
    given += ["--data.init_args.root", str(synthetic_features), "--model.init_args.hidden_dim", "8"]
    given += ["--model.init_args.context_dim", "6", "--trainer.devices", "1"]
    given += ["--run_folder", str(tmp_path / "run")]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]["test/loss"] is not None
    task = ConversationTask.load_from_checkpoint(
        tmp_path / "run" / "checkpoints" / "best.ckpt",
        head=head(graph, 20),
        loss=UncertaintyWeightedSum(losses()),
        fusion=SumFusion(widths),
    )
    assert isinstance(task.loss, UncertaintyWeightedSum) and bool(task.loss.log_variance.any())

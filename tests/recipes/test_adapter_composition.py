"""Each recipe of labels and dimensions with an adapter and another fusion, by a YAML file alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from torch import nn

from affectkit.adapters import AdaptedClipEncoder, ResidualBottleneckEncoder
from affectkit.cli.main import main
from affectkit.cli.training import train
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.data.synthetic import write_emoset_folder, write_synthetic_audience, write_synthetic_pictures
from affectkit.encoders import TimmImageEncoder
from affectkit.fusion import GatedFusion, SumFusion
from affectkit.graph import LabelGraph
from affectkit.labels import AffectScale, LabelSpace, affect_scale, label_space
from affectkit.tasks import (
    AffectTask,
    AudienceTask,
    CategoricalDimensionalTask,
    MultiAttributeTask,
    PixelEncoder,
    PrototypeDistillTask,
)
from affectkit.types import Encoder

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*layout"),
]


class Composed(NamedTuple):
    """What is trained, and how its parts are given again in Python."""

    task: type[AffectTask]
    fusion: type[nn.Module]
    model: Mapping[str, object]
    data: Mapping[str, object]
    parts: Callable[[], dict[str, Encoder]]


def clip(adapter: str, **options: object) -> dict[str, object]:
    return {
        "class_path": "affectkit.adapters.AdaptedClipEncoder",
        "init_args": {"base": "tiny", "adapter": adapter, "adapter_options": options},
    }


def bottleneck(width: int) -> dict[str, object]:
    return {"class_path": "affectkit.adapters.ResidualBottleneckEncoder", "init_args": {"in_dim": width}}


NETWORK = {
    "class_path": "affectkit.tasks.PixelEncoder",
    "init_args": {"encoder": {"class_path": "affectkit.encoders.TimmImageEncoder"}},
}
SMALL = {"batch_size": 7, "size": 32}


def maple() -> Encoder:
    return AdaptedClipEncoder(adapter="maple", adapter_options={"num_context": 2, "depth": 2})


def lora() -> Encoder:
    return AdaptedClipEncoder(adapter="clip_lora", adapter_options={"rank": 2})


CASES: dict[str, Composed] = {
    "emotion_gcn": Composed(
        CategoricalDimensionalTask,
        SumFusion,
        {
            "pictures": None,
            "encoders": {"face": clip("clip_lora", rank=2), "context": NETWORK},
            "fusion": "sum",
            "hidden_dim": 12,
            "graph": "faces.safetensors",
        },
        {"root": "faces", "streams": ["face", "context"], **SMALL},
        lambda: {"face": lora(), "context": PixelEncoder(TimmImageEncoder())},
    ),
    "neurogaze_distill": Composed(
        PrototypeDistillTask,
        GatedFusion,
        {
            "stream": "face",
            "kd_weight": 0,
            "encoders": {"face": clip("maple", num_context=2, depth=2), "context": NETWORK},
            "fusion": "gate",
            "fusion_dim": 12,
        },
        {"root": "faces", "streams": ["face", "context"], **SMALL},
        lambda: {"face": maple(), "context": PixelEncoder(TimmImageEncoder())},
    ),
    "emoset_attributes": Composed(
        MultiAttributeTask,
        GatedFusion,
        {
            "stages": None,
            # beside the network of the recipe
            "encoders": {"context": clip("clip_lora", rank=2)},
            "fusion": "gate",
            "fusion_dim": 12,
        },
        {"root": "emoset", "streams": ["visual", "context"], **SMALL},
        lambda: {"context": lora()},
    ),
    "hypergraph_audience": Composed(
        AudienceTask,
        SumFusion,
        {"inputs": {}, "encoders": {"text": bottleneck(8)}, "fusion": "sum", "fusion_dim": 12},
        {"root": "audience"},
        lambda: {"text": ResidualBottleneckEncoder(8)},
    ),
    "text_cat_dim": Composed(
        CategoricalDimensionalTask,
        GatedFusion,
        {
            "inputs": {"audio": 4},
            "encoders": {"text": bottleneck(6)},
            "fusion": "gate",
            "graph": "texts.safetensors",
        },
        {"sources": {name: {"init_args": {"root": name}} for name in ("words", "values")}},
        lambda: {"text": ResidualBottleneckEncoder(6)},
    ),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("composed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_synthetic_pictures("faces", train=14, val=7, test=7, targets="both", height=36, width=54)
        assert main(["graph", "make", "faces", "faces.safetensors", "--threshold", "0.05"]) == 0
        write_emoset_folder("source", train=14, val=7, test=7, height=36, width=54)
        assert main(["shards", "make", "emoset", "source", "emoset"]) == 0
        write_synthetic_audience("audience", people=14, videos=6, scenes=1, feature_dim=8)
        space, scale = label_space("goemotions7.ekman"), affect_scale("vad.emobank")
        write_features(folder / "words", space, None)
        write_features(folder / "values", None, scale)
        edges = [("joy", "valence"), ("anger", "arousal"), ("fear", "dominance")]
        LabelGraph.from_edges(edges, space=space, scale=scale).save("texts.safetensors")
    return folder


def write_features(folder: Path, space: LabelSpace | None, scale: AffectScale | None) -> None:
    """Features of texts and of how they were said; one set knows labels, the other values."""
    template = Manifest(
        name=folder.name,
        kind="text",
        label_space=space,
        dims=scale,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"text": FeatureSpec(6, "float32", "none"), "audio": FeatureSpec(4, "float32", "none")},
        synthetic=True,
    )
    draw = torch.Generator().manual_seed(0)
    with DatasetWriter(folder, template) as writer:
        for split in ("train", "val", "test"):
            for number in range(16):
                record: ItemRecord = {"id": f"{number}", "label": None, "text": "so"}
                if space is not None:
                    record["multilabel"] = [number % len(space)]
                if scale is not None:
                    record["dims"] = [1.0 + number % 5, 2.0 + number % 3, 3.0 + number % 2]
                rows = {"text": torch.randn(6, generator=draw), "audio": torch.randn(4, generator=draw)}
                writer.add_item(split, f"{split}{number:02}", record, features=rows)


@pytest.mark.parametrize("recipe", CASES)
def test_an_adapter_and_another_fusion(
    recipe: str, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    case = CASES[recipe]
    override = {"model": {"init_args": case.model}, "data": {"init_args": case.data}}
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.safe_dump(override), encoding="utf-8")
    given = [
        "--config",
        f"recipe:{recipe}_tiny",
        "--config",
        str(file),
        "--run_folder",
        str(tmp_path / "run"),
    ]
    given += ["--trainer.devices", "1", "--trainer.enable_progress_bar", "false"]
    assert train(["fit", *given, "--trainer.max_epochs", "1"]) == 0
    assert train(["test", *given, "--ckpt_path", "best"]) == 0
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    # What YAML named is a ready part: it is given again, here in Python.
    task = case.task.load_from_checkpoint(best, encoders=case.parts())
    assert isinstance(task.fusion, case.fusion) and set(case.parts()) <= set(task.encoders)
    stored: dict[str, Any] = torch.load(best, weights_only=True)
    for name, value in task.state_dict().items():
        if name in stored["state_dict"]:
            assert torch.equal(value, stored["state_dict"][name]), name
    moved = moving(task, stored)
    adapted = [name for name in moved if ".adapter." in name]
    assert adapted and all(moved[name] for name in adapted if not name.endswith(("lora_a", "lora_b")))
    assert any(moved[name] for name in adapted)
    assert any(moves for name, moves in moved.items() if name.startswith("fusion."))


def moving(task: AffectTask, stored: Mapping[str, Any]) -> dict[str, bool]:
    """Whether each trained parameter had a gradient in any step: else its mean is exactly 0."""
    optimizer, _ = task.optimizer_factory(task.named_parameters(), total_steps=2)
    names = {id(parameter): name for name, parameter in task.named_parameters()}
    order = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
    state = stored["optimizer_states"][0]["state"]
    return {name: bool(state[number]["exp_avg"].any()) for number, name in enumerate(order)}


def test_an_encoder_takes_the_place_of_the_backbone() -> None:
    alone = PrototypeDistillTask("ferplus8.official", kd_weight=0.0, encoders={"visual": maple()})
    assert isinstance(alone.encoders["visual"], AdaptedClipEncoder) and list(alone.encoders) == ["visual"]
    assert alone.report_facts()["backbone"] == "AdaptedClipEncoder"
    both = MultiAttributeTask("emoset8.official", {"brightness": 11}, encoders={"visual": maple()})
    assert isinstance(both.encoders["visual"], AdaptedClipEncoder) and list(both.encoders) == ["visual"]


def test_contradictions_are_named() -> None:
    with pytest.raises(ValueError, match="stages of its backbone together with encoders for visual"):
        MultiAttributeTask(
            "emoset8.official", {"brightness": 11}, stages={"brightness": 1}, encoders={"visual": maple()}
        )
    with pytest.raises(ValueError, match="an encoder for 'text', which it has already"):
        AudienceTask({"emr": 1}, {"text": 8}, encoders={"text": ResidualBottleneckEncoder(8)})
    for build in (
        lambda: PrototypeDistillTask("ferplus8.official", fusion="bilinear"),  # type: ignore[arg-type]
        lambda: MultiAttributeTask("emoset8.official", {"light": 2}, fusion="bilinear"),  # type: ignore[arg-type]
        lambda: AudienceTask({"emr": 1}, {"text": 8}, fusion="bilinear"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError, match="got fusion='bilinear': give 'concat' or 'gate'"):
            build()

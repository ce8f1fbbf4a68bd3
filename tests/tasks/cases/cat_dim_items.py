"""Items with categories and dimensions, and tasks over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer

from affectkit.data.batch import AffectBatch
from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.graph import (
    LabelGraph,
)
from affectkit.labels import AffectScale, LabelSpace, affect_scale
from affectkit.tasks import CategoricalDimensionalTask

OWN = LabelSpace("own3.v1", ("calm", "happy", "sad"))
SEVERAL = LabelSpace("own3.several", OWN.labels, kind="multilabel")
SIZES = {"train": 24, "val": 9, "test": 9}


def write(
    folder: Path,
    *,
    space: LabelSpace | None = OWN,
    scale: AffectScale | None = None,
    features: tuple[str, ...] = ("text",),
    labelled: bool = True,
    rated: tuple[bool, ...] = (True, True),
    votes: int = 0,
) -> str:
    """Items whose text feature tells label and values; ``labelled`` and ``rated`` say what is annotated.

    The first ``votes`` samples of each split have votes, of which most are for the class after their label's.
    """
    template = Manifest(
        name="made-up",
        kind="text",
        label_space=space,
        dims=scale,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={name: FeatureSpec(6, "float32", "none") for name in features},
        synthetic=True,
    )
    draw = torch.Generator().manual_seed(0)
    with DatasetWriter(folder, template) as writer:
        for split, size in SIZES.items():
            for number in range(size):
                label = number % 3
                row = torch.randn(6, generator=draw) * 0.3
                row[label] += 2.0
                record: ItemRecord = {"id": f"{split}{number}", "label": None, "text": "so"}
                if space is not None and labelled:
                    if space.kind == "multilabel":
                        record["multilabel"] = [label]
                    else:
                        record["label"] = label
                if space is not None and number < votes:
                    record["votes"] = [float([1, 7, 2][(place - label) % 3]) for place in range(len(space))]
                if scale is not None:
                    values = [scale.low + (scale.high - scale.low) * share for share in (label / 2, 0.5)]
                    record["dims"] = [v if known else None for v, known in zip(values, rated)]
                writer.add_item(split, f"{split}{number}", record, features=dict.fromkeys(features, row))
    return str(folder)


def graph_file(folder: Path, space: LabelSpace = OWN, scale: AffectScale | None = None) -> str:
    graph = LabelGraph.from_edges(
        [("happy", "valence"), ("sad", "valence")], space=space, scale=scale or affect_scale("va.unit")
    )
    path = folder / "graph.safetensors"
    graph.save(path)
    return str(path)


def trainer(folder: Path, *, epochs: int = 1, **options: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
        **options,
    )


def task_of(graph: str, **options: Any) -> CategoricalDimensionalTask:
    given: dict[str, Any] = {
        "inputs": {"text": 6},
        "graph": graph,
        "hidden_dim": 8,
        "graph_dims": [6],
        "label_vector_dim": 5,
        "lr": 0.02,
    }
    torch.manual_seed(0)
    return CategoricalDimensionalTask(None, **{**given, **options})


def batch_of(*modalities: str, rows: int = 4) -> AffectBatch:
    draw = torch.Generator().manual_seed(3)
    return AffectBatch(
        inputs={name: torch.randn(rows, 6, generator=draw) for name in modalities},
        valid=torch.ones(rows, dtype=torch.bool),
    )

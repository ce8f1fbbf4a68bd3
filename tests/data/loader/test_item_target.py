from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectkit.data.loader import ItemTarget, item_target
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.labels import LabelSpace, affect_scale

SCENES = LabelSpace("scene2.v1", ("street", "beach"))
OBJECTS = LabelSpace("object3.v1", ("dog", "tree", "car"), kind="multilabel")


def manifest() -> Manifest:
    return Manifest(
        name="made-up",
        kind="text",
        label_space=None,
        extra_spaces={"scene": SCENES, "object": OBJECTS},
        dims=affect_scale("va.unit"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        synthetic=True,
    )


def record(**fields: object) -> ItemRecord:
    return {"id": "x", "label": None, **fields}  # type: ignore[typeddict-item]


def test_several_labels_are_ones_and_zeros_and_absent_ones_are_nan() -> None:
    join = item_target(manifest(), None)
    rows = [
        record(extra={"scene": 1, "object": [0, 2]}),
        record(extra={"scene": None, "object": []}),
        record(extra={"object": None}),
        record(),
    ]
    target = join(rows, keys=["a", "b", "c", "d"], valid=[True] * 4)
    assert target.extra is not None and target.label is None
    assert target.extra["scene"].tolist() == [1, -100, -100, -100]
    objects = target.extra["object"]
    assert objects.dtype == torch.float32
    assert objects[:2].tolist() == [[1, 0, 1], [0, 0, 0]]
    assert bool(objects[2:].isnan().all())


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"scene": [1]}, r"'k' has the labels \[1\] of 'scene', whose space allows one"),
        ({"object": 1}, "'k' has 1 as 'object', where a list of numbers below 3"),
        ({"object": [3]}, r"'k' has \[3\] as 'object'"),
    ],
)
def test_labels_of_the_other_kind_are_refused(extra: dict[str, object], words: str) -> None:
    with pytest.raises(ShardError, match=words):
        item_target(manifest(), None)([record(extra=extra)], keys=["k"], valid=[True])


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"scene": [1]}, "'scene' is .1., but its label space is for one label: give a number"),
        ({"object": 1}, "'object' is 1, but its label space is multi-label: list"),
        ({"object": [1, 3]}, "extra label 'object' is 3, but its label space has 3 labels"),
        ({"object": [1, 0]}, "extra must be a map of names to numbers from 0, lists of them, or null"),
    ],
)
def test_a_writer_refuses_them_too(extra: dict[str, object], words: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ShardError, match=words),
        DatasetWriter(tmp_path / "out", manifest()) as writer,
    ):
        writer.add_item("train", "k", record(extra=extra))


def test_a_value_outside_the_declared_scale_is_named() -> None:
    join = item_target(manifest(), None)
    join([record(dims=[-1.0, None]), record(dims=[1.0, 0.3])], keys=["a", "b"], valid=[True, True])
    with pytest.raises(ShardError, match=r"'b' has the value 4 as affect dimension 1.*from -1 to 1"):
        join([record(dims=[0.0, 0.0]), record(dims=[0.5, 4.0])], keys=["a", "b"], valid=[True, True])
    # An end of the scale that float32 cannot hold is still on the scale.
    narrow = ItemTarget(label_table=None, num_dims=1, dims_range=(-0.1, 0.7))
    narrow([record(dims=[-0.1]), record(dims=[0.7])], keys=["a", "b"], valid=[True, True])

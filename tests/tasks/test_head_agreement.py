"""A head given ready, made for other labels or dimensions than its task or data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from cat_dim_items import OWN, trainer, write
from torch import nn

from affectkit.data.modules import FeatureDataModule
from affectkit.encoders import ProjectionEncoder
from affectkit.fusion import MeanFusion
from affectkit.graph import LabelGraph
from affectkit.heads import (
    BinnedDimensionalHead,
    CategoricalDimensionalGraphHead,
    ClassificationHead,
    DimensionalHead,
    MultiHead,
    MultiTaskHead,
    SeparateHeads,
)
from affectkit.labels import AffectScale, LabelSpace, LabelSpaceMismatchError, affect_scale, label_space
from affectkit.losses import ClassificationLoss
from affectkit.tasks import AffectTask, CategoricalDimensionalTask, ConversationTask, PromptTuningTask
from affectkit.tasks.head_agreement import check_head, check_head_and_data
from affectkit.types import Head

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MELD = label_space("meld7.official")


def head(
    width: int, space: LabelSpace = MELD, scale: AffectScale | None = None
) -> CategoricalDimensionalGraphHead:
    axes = affect_scale("va.unit") if scale is None else scale
    graph = LabelGraph(space, torch.eye(len(space) + len(axes)), axes)
    return CategoricalDimensionalGraphHead(width, graph, embedding_dim=4, hidden_dims=(4,))


def affectnet(width: int) -> CategoricalDimensionalGraphHead:
    return CategoricalDimensionalGraphHead(width, "affectnet7", embedding_dim=4, hidden_dims=(4,))


def joint(module: Head) -> AffectTask:
    return CategoricalDimensionalTask(
        "meld7.official", "va.unit", inputs={"text": 6}, hidden_dim=8, head=module
    )


def dialogue(module: Head) -> AffectTask:
    return ConversationTask("meld7.official", {"text": 6}, hidden_dim=8, context_model="none", head=module)


def with_sentiment(module: Head) -> AffectTask:
    return ConversationTask(
        "meld7.official",
        {"text": 6},
        hidden_dim=8,
        context_model="none",
        head=module,
        auxiliary={"sentiment": 3},
    )


def pictures(module: Head) -> AffectTask:
    return PromptTuningTask("meld7.official", adapter="clip_lora", head=module)


@pytest.mark.parametrize(
    ("build", "width", "name"),
    [
        (joint, 8, "CategoricalDimensionalTask"),
        (dialogue, 8, "ConversationTask"),
        (with_sentiment, 8, "ConversationTask"),
        (pictures, 32, "PromptTuningTask"),
    ],
)
def test_a_graph_over_other_labels_than_the_tasks_is_named(
    build: Callable[[Head], AffectTask], width: int, name: str
) -> None:
    told = rf"{name}, 'meld7.official': 0 neutral, 1 surprise, .*; head, 'affectnet7.official': 0 neutral, 1"
    with pytest.raises(LabelSpaceMismatchError, match=told) as caught:
        build(affectnet(width))
    assert "\n" not in str(caught.value)
    build(head(width))
    build(ClassificationHead(width, 7))  # says nothing of its labels, and fits


def test_a_graph_over_other_dimensions_than_the_tasks_is_named() -> None:
    turned = AffectScale("turned.v1", ("arousal", "valence"), low=-1, high=1)
    told = r"CategoricalDimensionalTask: valence, arousal; head, 'turned.v1': arousal, valence"
    with pytest.raises(LabelSpaceMismatchError, match=told):
        joint(head(8, scale=turned))
    with pytest.raises(LabelSpaceMismatchError, match=r"PromptTuningTask: valence; head, 'turned.v1'"):
        PromptTuningTask(
            None, adapter="clip_lora", objective="mse", axes=["valence"], head=head(32, scale=turned)
        )


def plain(module: Head) -> AffectTask:
    """A task without a label space of its own."""
    return AffectTask(
        {"text": ProjectionEncoder(6, 8)},
        fusion=MeanFusion({"text": 8}),
        head=module,
        loss=ClassificationLoss(3),
    )


def test_a_task_that_names_no_labels_compares_with_the_data(tmp_path: Path) -> None:
    data = FeatureDataModule(write(tmp_path / "set", scale=affect_scale("va.unit")), batch_size=8)
    turned = LabelSpace("turned3.v1", ("happy", "calm", "sad"))
    told = r"the data of AffectTask, 'own3.v1': 0 calm, 1 happy.*head, 'turned3.v1': 0 happy, 1 calm"
    with pytest.raises(LabelSpaceMismatchError, match=told):
        trainer(tmp_path).fit(plain(head(8, turned)), data)
    with pytest.raises(LabelSpaceMismatchError, match=r"the data of AffectTask: valence, arousal; head"):
        trainer(tmp_path).fit(plain(head(8, OWN, affect_scale("vad.unit"))), data)
    extra = MultiHead(head(8, OWN), {"other": SeparateHeads(8, num_classes=2, num_dims=2)})
    for module in (head(8, OWN), extra):
        assert isinstance(module, nn.Module)
        trainer(tmp_path).fit(plain(module), data)


def test_data_without_dimensions_train_the_labels_alone(tmp_path: Path) -> None:
    data = FeatureDataModule(write(tmp_path / "set"), batch_size=8)
    trainer(tmp_path).fit(plain(head(8, OWN)), data)


def separate(bounds: tuple[float, float] | None) -> Head:
    return SeparateHeads(8, num_classes=3, num_dims=2, bounds=bounds)


def made(bounds: tuple[float, float] | None) -> Head:
    graph = LabelGraph(OWN, torch.eye(5), affect_scale("va.unit"))
    return CategoricalDimensionalGraphHead(8, graph, embedding_dim=4, hidden_dims=(4,), bounds=bounds)


def binned(bounds: tuple[float, float] | None) -> Head:
    return BinnedDimensionalHead(8, 2, num_bins=5, bounds=bounds or (-1.0, 1.0))


@pytest.mark.parametrize(
    "build",
    [
        separate,
        made,
        binned,
        lambda bounds: MultiTaskHead(8, num_classes=3, num_dims=2, bounds=bounds),
        lambda bounds: MultiHead(separate(bounds), {"other": DimensionalHead(8, 1, bounds=(7.0, 8.0))}),
    ],
)
def test_bounds_that_leave_out_values_of_the_data_are_named(
    build: Callable[[tuple[float, float] | None], Head], tmp_path: Path
) -> None:
    scale = affect_scale("va.unit")
    rated = FeatureDataModule(write(tmp_path / "rated", scale=scale), batch_size=8)
    told = (
        r"keeps its values from {} to {} and can never reach all of those of the data of AffectTask, "
        r"valence, arousal from -1 to 1 \('va.unit'\): set its bounds to \(-1, 1\), or to None\."
    )
    for low, high in ((1.0, 5.0), (0.0, 1.0), (-1.0, 0.5)):
        with pytest.raises(ValueError, match=told.format(f"{low:g}", f"{high:g}")) as caught:
            trainer(tmp_path).fit(plain(build((low, high))), rated)
        assert "\n" not in str(caught.value)
    for bounds in ((-1.0, 1.0), (-1.5, 2.0), None):
        check_head(build(bounds), scale=scale, owner="the task")
    labels = FeatureDataModule(write(tmp_path / "labels"), batch_size=8)
    labels.setup("fit")
    check_head_and_data(build((1.0, 5.0)), labels, task="AffectTask")


def test_a_head_made_for_another_range_is_named(tmp_path: Path) -> None:
    data = FeatureDataModule(write(tmp_path / "set", scale=affect_scale("va.unit")), batch_size=8)
    told = (
        r"the data of AffectTask, 'va.unit': valence, arousal from -1 to 1; head, 'va.one_to_nine': valence, "
        r"arousal from 1 to 9\): make the head's graph from these data .* to 'va.one_to_nine'\."
    )
    with pytest.raises(LabelSpaceMismatchError, match=told):
        trainer(tmp_path).fit(plain(head(8, OWN, affect_scale("va.one_to_nine"))), data)
    with pytest.raises(LabelSpaceMismatchError, match=r"CategoricalDimensionalTask and the head .* ranges"):
        joint(head(8, scale=affect_scale("va.one_to_nine")))
    with pytest.raises(ValueError, match="reach all of those of CategoricalDimensionalTask, valence"):
        joint(SeparateHeads(8, num_classes=7, num_dims=2, bounds=(1.0, 5.0)))


def test_a_task_says_the_range_of_a_graph_that_it_is_given() -> None:
    task = CategoricalDimensionalTask(
        None, "va.one_to_nine", inputs={"text": 6}, graph="affectnet7", label_vector_dim=4, bounded=True
    )
    assert isinstance(task.head, CategoricalDimensionalGraphHead)
    assert task.head.affect_scale == affect_scale("va.one_to_nine") and task.head.bounds == (1.0, 9.0)

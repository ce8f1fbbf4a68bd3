"""Categories and dimensions in one task: its heads, its losses, and options that clash."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from cat_dim_items import OWN, SEVERAL, batch_of, graph_file, task_of
from torch import Tensor

from affectkit.graph import (
    LabelGraph,
    LabelGraphError,
    graph_to_text,
    random_label_embeddings,
    write_label_embeddings,
)
from affectkit.heads import CategoricalDimensionalGraphHead, LabelDistributionHead
from affectkit.labels import AffectScale, ValenceArousalWheel, affect_scale, label_space
from affectkit.losses import (
    CCCLoss,
    ClassificationLoss,
    MSELoss,
    UncertaintyWeightedSum,
    WeightedSum,
)
from affectkit.tasks import CategoricalDimensionalTask
from affectkit.types import AffectOutput, LossTerms, Target

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning"),
]

# ----------------------------------------------------------------------------------- heads and losses


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("graph", "CategoricalDimensionalGraphHead"),
        ("separate", "SeparateHeads"),
        ("multi_task", "MultiTaskHead"),
        ("label_distribution", "LabelDistributionHead"),
    ],
)
def test_every_head_predicts_within_the_scale_where_asked(head: str, kind: str, tmp_path: Path) -> None:
    scale = affect_scale("va.one_to_nine")
    space = label_space("meld7.official")
    graph = LabelGraph.from_anchors(space, scale=scale)
    graph.save(tmp_path / "graph.safetensors")
    task = CategoricalDimensionalTask(
        "meld7.official",
        "va.one_to_nine",
        inputs={"text": 6},
        head=head,  # type: ignore[arg-type]
        graph=str(tmp_path / "graph.safetensors") if head == "graph" else None,
        graph_dims=[6],
        bounded=True,
    ).eval()
    batch = batch_of("text")
    batch.inputs["text"] *= 100
    output: AffectOutput = task(batch)
    assert type(task.head).__name__ == kind
    assert output.dims is not None and bool(((output.dims >= 1) & (output.dims <= 9)).all())
    assert output.logits is not None and output.logits.shape == (4, 7)


def test_options_of_the_graph_reach_the_head() -> None:
    graph = LabelGraph.affectnet7()
    plain = task_of("affectnet7").head
    given = task_of("affectnet7", graph_normalization="receiver", graph_bias=True, sparse_graph=True).head
    assert isinstance(plain, CategoricalDimensionalGraphHead) and plain.bias is None
    assert isinstance(given, CategoricalDimensionalGraphHead) and given.bias is not None
    assert type(given.network.propagation).__name__ == "EdgePropagation"
    vectors = random_label_embeddings(graph.nodes, plain.network.embeddings.shape[1], seed=0)
    for head, rule in ((plain, graph.propagation()), (given, graph.propagation("receiver"))):
        torch.testing.assert_close(head.network.embeddings, rule @ vectors)


def test_anchors_stand_on_the_scale_of_the_task() -> None:
    head = CategoricalDimensionalTask(
        "meld7.official", "va.one_to_nine", inputs={"text": 6}, head="label_distribution"
    ).head
    assert isinstance(head, LabelDistributionHead) and head.anchors is not None
    wheel = torch.tensor(ValenceArousalWheel().anchors(label_space("meld7.official")))
    torch.testing.assert_close(head.anchors, 5 + 4 * wheel.float())


def test_levels_are_values_of_one_dimension() -> None:
    scale = AffectScale("level.v1", ("valence",), low=-3, high=3)
    graph = LabelGraph(OWN, torch.eye(4), scale)
    task = CategoricalDimensionalTask(
        None, inputs={"text": 6}, head="ordinal", graph=graph_to_text(graph)
    ).eval()
    output: AffectOutput = task(batch_of("text"))
    assert output.logits is not None and output.dims is not None
    expected = output.logits.exp() @ torch.tensor([-3.0, 0.0, 3.0])
    torch.testing.assert_close(output.dims[:, 0], expected)


@pytest.mark.parametrize("name", ["ccc", "ccc_mixed", "mse"])
@pytest.mark.parametrize("weights", ["static", "uncertainty"])
def test_the_loss_is_the_sum_of_its_parts(name: str, weights: str) -> None:
    options = {"dimension_weight": 0.4} if weights == "static" else {}
    task = task_of(
        "affectnet7",
        dimension_loss=name,
        task_weights=weights,
        label_smoothing=0.1,
        **options,
    )
    output: AffectOutput = task(batch_of("text"))
    target = Target(
        label=torch.tensor([0, 3, 6, -100]),
        dims=torch.tensor([[0.1, 0.2], [0.5, -0.3], [math.nan, math.nan], [-0.9, 0.4]]),
        weight=torch.ones(4),
    )
    emotion = ClassificationLoss(7, label_smoothing=0.1)
    dims = {"ccc": CCCLoss(), "ccc_mixed": CCCLoss(mixed_moments=True), "mse": MSELoss()}[name]
    parts = {"emotion": emotion, "dimensions": dims}
    expected: LossTerms = (
        WeightedSum(parts, {"dimensions": 0.4})
        if weights == "static"
        else UncertaintyWeightedSum(parts, regressions=["dimensions"] if name == "mse" else [])
    )(output, target)
    batch = batch_of("text")
    batch.target = target
    terms = task.compute_loss(batch, output)
    torch.testing.assert_close(terms.total, expected.total)
    assert float(terms.weight) == 4


@pytest.mark.parametrize("known", ["label", "dims", "nothing"])
def test_a_batch_without_the_other_field_counts_as_absent(known: str) -> None:
    task = task_of("affectnet7")
    batch = batch_of("text")
    label, dims = torch.tensor([0, 3, 6, 1]), torch.rand(4, 2)
    full = Target(label=torch.full((4,), -100), dims=torch.full((4, 2), math.nan), weight=torch.ones(4))
    bare = Target(weight=torch.ones(4))
    if known == "label":
        full, bare = full._replace(label=label), bare._replace(label=label)
    elif known == "dims":
        full, bare = full._replace(dims=dims), bare._replace(dims=dims)
    found: list[Tensor] = []
    for target in (full, bare):
        batch.target = target
        task.zero_grad()
        terms = task.compute_loss(batch, task(batch))
        torch.autograd.backward(terms.total)
        grads = [p.grad.flatten() for p in task.parameters() if p.grad is not None]
        found.append(torch.cat([terms.total.detach().reshape(1), *grads]))
    assert torch.equal(found[0], found[1])
    assert bool(found[0].any()) == (known != "nothing")


def test_class_weights_reach_the_loss(tmp_path: Path) -> None:
    task = task_of(graph_file(tmp_path), class_weights="balanced")
    task.use_class_counts(torch.tensor([10, 5, 1]))
    loss = task.loss
    assert isinstance(loss, WeightedSum)
    emotion = loss.losses["emotion"]
    assert isinstance(emotion, ClassificationLoss) and emotion.class_weight[2] > emotion.class_weight[0]


# --------------------------------------------------------------------------------- options that clash


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"head": "forest"}, "head='forest'"),
        ({"fusion": "stack"}, "fusion='stack'"),
        ({"dimension_loss": "mae"}, "dimension_loss='mae'"),
        ({"inputs": None}, "name each input once"),
        ({"pictures": "text"}, "name each input once"),
        ({"task_weights": "uncertainty", "dimension_weight": 0.3}, "leave it out, or set task_weights"),
        ({"dimension_weight": -1.0}, "dimension_weight is -1.0"),
        ({"loss": ClassificationLoss(7), "label_smoothing": 0.1}, "a loss of your own"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        task_of("affectnet7", **options)
    with pytest.raises(ValueError, match=r"got no label_space, and no graph to take it from"):
        CategoricalDimensionalTask(None, "va.unit", inputs={"text": 6}, head="separate")


def test_what_does_not_fit_the_labels_is_named(tmp_path: Path) -> None:
    several = graph_file(tmp_path, SEVERAL)
    for options, words in (
        ({"head": "ordinal"}, "chooses one label, but 'own3.several' allows several"),
        ({"head": "label_distribution"}, "chooses one label"),
        ({"class_weights": "sqrt"}, "allows several labels a row"),
        ({"label_smoothing": 0.1}, "'own3.several' allows several: set it to 0"),
    ):
        with pytest.raises(ValueError, match=words):
            task_of(several, **options)
    with pytest.raises(ValueError, match=r"'dominance' of the scale 'vad.unit' from the anchors"):
        CategoricalDimensionalTask(
            "meld7.official", "vad.unit", inputs={"text": 6}, head="label_distribution"
        )
    with pytest.raises(ValueError, match=r"'ordinal' has one dimension.*valence, arousal"):
        task_of("affectnet7", head="ordinal")
    with pytest.raises(ValueError, match=r"'graph' got no graph: make one from your data"):
        CategoricalDimensionalTask("meld7.official", "va.unit", inputs={"text": 6})
    with pytest.raises(LabelGraphError, match=r"over 'affectnet7.official'.*'meld7.official'"):
        CategoricalDimensionalTask("meld7.official", inputs={"text": 6}, graph="affectnet7")
    with pytest.raises(LabelGraphError, match=r"dimensions valence, arousal.*dominance"):
        CategoricalDimensionalTask(None, "vad.unit", inputs={"text": 6}, graph="affectnet7")
    rows = torch.randn(9, 4)
    names = LabelGraph.affectnet7().nodes
    write_label_embeddings(tmp_path / "vectors.safetensors", names, rows)
    with pytest.raises(ValueError, match=r"are 4 wide, but 300 is asked for: set label_vector_dim to 4"):
        task_of("affectnet7", label_vectors=str(tmp_path / "vectors.safetensors"), label_vector_dim=300)

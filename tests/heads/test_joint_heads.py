"""Heads for categories and dimensions, ordered levels, votes and attributes against their formulas."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.functional import ordinal_log_probabilities
from affectkit.heads import (
    LabelDistributionHead,
    MultiAttributeHead,
    MultiTaskHead,
    OrdinalHead,
    SeparateHeads,
)
from affectkit.labels import LabelSpace, ValenceArousalWheel
from affectkit.losses import ClassificationLoss
from affectkit.types import AffectOutput, Encoding, LossTerms, Target

X = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))


def test_separate_heads_share_no_parameter() -> None:
    head = SeparateHeads(6, num_classes=4, num_dims=2, hidden_dim=5, bounds=(1.0, 5.0))
    output: AffectOutput = head(Encoding(X))
    assert output.logits is not None and output.dims is not None
    only: AffectOutput = head.dimensions(Encoding(X))
    assert only.dims is not None and torch.equal(output.dims, only.dims)
    torch.autograd.backward(output.logits.sum())
    assert all(parameter.grad is None for parameter in head.dimensions.parameters())
    assert all(parameter.grad is not None for parameter in head.categories.parameters())


def test_the_multi_task_head_is_one_layer_over_one_hidden_layer() -> None:
    head = MultiTaskHead(6, num_classes=4, num_dims=2, hidden_dim=5, bounds=(-1.0, 1.0))
    weight, bias = (head.state_dict()[f"projection.layers.1.{kind}"] for kind in ("weight", "bias"))
    hidden = torch.relu(X @ weight.T + bias)
    scores = hidden @ head.output.weight.T + head.output.bias
    output: AffectOutput = head(Encoding(X))
    assert output.logits is not None and output.dims is not None and output.embedding is not None
    torch.testing.assert_close(output.embedding, hidden)
    torch.testing.assert_close(output.logits, scores[..., :4])
    torch.testing.assert_close(output.dims, 2 / (1 + torch.exp(-scores[..., 4:])) - 1)


def naive_levels(score: float, thresholds: list[float]) -> list[float]:
    below = [torch.sigmoid(torch.tensor(b - score, dtype=torch.float64)).item() for b in thresholds]
    edges = [0.0, *below, 1.0]
    return [high - low for low, high in pairwise(edges)]


@pytest.mark.parametrize("num_levels", [2, 3, 6])
def test_levels_equal_the_proportional_odds_model(num_levels: int) -> None:
    head = OrdinalHead(6, num_levels, values=[float(level) for level in range(num_levels)])
    with torch.no_grad():
        head.first.add_(0.3)
        if head.steps is not None:
            head.steps.add_(torch.linspace(-1.0, 1.0, num_levels - 2))
    thresholds = head.thresholds().tolist()
    assert thresholds == sorted(thresholds)
    output: AffectOutput = head(Encoding(X))
    assert output.logits is not None and output.dims is not None
    for row, score in enumerate((X @ head.score.weight.T).flatten().tolist()):
        expected = naive_levels(score, thresholds)
        found = output.logits.reshape(-1, num_levels)[row].exp()
        assert found.tolist() == pytest.approx(expected, abs=1e-6)
        mean = sum(level * share for level, share in enumerate(expected))
        assert output.dims.flatten()[row].item() == pytest.approx(mean, abs=1e-5)


def test_levels_start_equally_likely_and_their_loss_is_the_likelihood() -> None:
    head = OrdinalHead(6, 5)
    output: AffectOutput = head(Encoding(torch.zeros(1, 6)))
    assert output.logits is not None and output.dims is None
    assert output.logits.exp().flatten().tolist() == pytest.approx([0.2] * 5, abs=1e-6)
    label = torch.tensor([0, 4, 2])
    rows: AffectOutput = head(Encoding(X[0]))
    terms: LossTerms = ClassificationLoss(5)(rows, Target(label=label))
    assert rows.logits is not None
    expected = -rows.logits[torch.arange(3), label].mean()
    torch.testing.assert_close(terms.total, expected, rtol=0, atol=1e-6)


def test_levels_far_from_the_thresholds_keep_value_and_gradient() -> None:
    score = torch.tensor([-80.0, 0.0, 80.0], requires_grad=True)
    rows = ordinal_log_probabilities(score, torch.tensor([-1.0, 0.5, 2.0]))
    assert rows.isfinite().all() and rows[0, 3] < -80 and rows[2, 1] < -70
    torch.autograd.backward(rows.sum())
    assert score.grad is not None and score.grad.isfinite().all()
    # Toward every level but the lowest the score wants to rise, toward every one but the highest to fall.
    assert score.grad[0].item() == pytest.approx(3.0) and score.grad[2].item() == pytest.approx(-3.0)


def test_dimensions_are_the_mean_of_the_anchors() -> None:
    anchors = ValenceArousalWheel().anchors(LabelSpace("three.v1", ("neutral", "happy", "angry")))
    head = LabelDistributionHead(6, 3, anchors=anchors)
    output: AffectOutput = head(Encoding(X))
    assert output.logits is not None and output.dims is not None
    torch.testing.assert_close(output.dims, F.softmax(output.logits, -1) @ torch.tensor(anchors))
    assert [name for name, _ in head.named_parameters()] == ["classifier.weight", "classifier.bias"]
    learnt = LabelDistributionHead(6, 3, anchors=anchors, learnable_anchors=True)
    assert "anchors" in dict(learnt.named_parameters())
    bare: AffectOutput = LabelDistributionHead(6, 3)(Encoding(X))
    assert bare.dims is None


def test_the_emotion_reads_the_attributes_only_where_it_may() -> None:
    joint = MultiAttributeHead(6, 4, {"scene": 5, "object": 7}, feature_dim=3)
    apart = MultiAttributeHead(6, 4, {"scene": 5, "object": 7}, feature_dim=3, use_attributes=False)
    output: AffectOutput = joint(Encoding(X))
    assert output.extra is not None and output.logits is not None and output.embedding is not None
    found: dict[str, Tensor] = {name: joint.projections[name](X) for name in ("object", "scene")}
    expected = torch.cat([X, found["object"], found["scene"]], -1)
    torch.testing.assert_close(output.embedding, expected)
    torch.testing.assert_close(output.logits, joint.classifier(expected))
    torch.testing.assert_close(output.extra["scene"], joint.attributes["scene"](found["scene"]))
    for head, reached in ((joint, True), (apart, False)):
        result: AffectOutput = head(Encoding(X))
        assert result.logits is not None
        torch.autograd.backward(result.logits.sum())
        assert all((p.grad is not None) == reached for p in head.projections.parameters())


def test_an_attribute_reads_its_columns_alone() -> None:
    # Three units over two columns: some starts leave none of them on.
    torch.manual_seed(0)
    columns = {"scene": (0, 2), "object": (2, 4)}
    head = MultiAttributeHead(
        6, 4, {"scene": 5, "object": 7}, columns=columns, emotion_columns=(4, 6), feature_dim=3
    )
    x = X.clone().requires_grad_()
    output: AffectOutput = head(Encoding(x))
    assert output.extra is not None and output.logits is not None and output.embedding is not None
    assert output.embedding.shape[-1] == 2 + 2 * 3
    for name, (start, stop) in columns.items():
        (grad,) = torch.autograd.grad(output.extra[name].sum(), x, retain_graph=True)
        inside = torch.zeros(6, dtype=torch.bool)
        inside[start:stop] = True
        assert not grad[..., ~inside].any() and bool(grad[..., inside].any())
    alone = MultiAttributeHead(
        6, 4, {"scene": 5}, emotion_columns=(4, 6), feature_dim=3, use_attributes=False
    )
    (grad,) = torch.autograd.grad(alone(Encoding(x)).logits.sum(), x)
    assert not grad[..., :4].any() and bool(grad[..., 4:].any())
    with pytest.raises(ValueError, match=r"columns of 'action', which is none of the attributes"):
        MultiAttributeHead(6, 4, {"scene": 5}, columns={"action": (0, 2)})
    with pytest.raises(ValueError, match=r"the columns 3 to 8 of scene for features of width 6"):
        MultiAttributeHead(6, 4, {"scene": 5}, columns={"scene": (3, 8)})
    with pytest.raises(ValueError, match=r"in_dim=6 got features of width 5"):
        head(Encoding(X[..., :5]))


def test_the_order_of_attributes_does_not_matter() -> None:
    names = {"scene": 5, "object": 7}
    torch.manual_seed(0)
    one = MultiAttributeHead(6, 4, names)
    torch.manual_seed(0)
    other = MultiAttributeHead(6, 4, dict(reversed(names.items())))
    first: AffectOutput = one(Encoding(X))
    second: AffectOutput = other(Encoding(X))
    assert first.logits is not None and second.logits is not None
    assert torch.equal(first.logits, second.logits)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="num_classes=1 and num_dims=2"):
        MultiTaskHead(6, num_classes=1, num_dims=2)
    with pytest.raises(ValueError, match="low < high"):
        MultiTaskHead(6, num_classes=2, num_dims=2, bounds=(1.0, 0.0))
    with pytest.raises(ValueError, match="num_levels=1"):
        OrdinalHead(6, 1)
    with pytest.raises(ValueError, match="as many ascending"):
        OrdinalHead(6, 3, values=(1.0, 3.0, 2.0))
    with pytest.raises(ValueError, match="2 anchors for 3 classes"):
        LabelDistributionHead(6, 3, anchors=[(0.0, 0.0), (1.0, 0.0)])
    with pytest.raises(ValueError, match="without anchors"):
        LabelDistributionHead(6, 3, learnable_anchors=True)
    with pytest.raises(ValueError, match="at least 2 classes, an attribute"):
        MultiAttributeHead(6, 4, {})
    for head in (MultiTaskHead(6, num_classes=2, num_dims=1), OrdinalHead(6, 3), LabelDistributionHead(6, 3)):
        with pytest.raises(ValueError, match="features of width 5"):
            head(Encoding(torch.zeros(2, 5)))

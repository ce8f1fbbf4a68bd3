from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from affectkit.heads import PerceptualHead, PerDatasetHeads, per_dataset_target
from affectkit.losses import ClassificationLoss, MSELoss, PearsonLoss, WeightedSum
from affectkit.types import AffectOutput, Encoding, Target

X = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
NAN = math.nan
#: Rows 0 to 2 are of the first data set, 3 to 5 of the second; nobody annotated the third.
TARGET = Target(
    extra={
        "emotion": torch.tensor([0, 2, 1, -100, -100, -100]),
        "memory": torch.tensor([[NAN], [NAN], [NAN], [0.1], [0.5], [0.9]]),
        "quality": torch.full((6, 1), NAN),
    },
    weight=torch.ones(6),
)


def parts() -> tuple[nn.Linear, PerDatasetHeads, WeightedSum]:
    torch.manual_seed(0)
    heads = PerDatasetHeads(
        {
            "emotion": PerceptualHead(4, num_classes=3, hidden_dims=(4,), dropout=0.0),
            "memory": PerceptualHead(4, num_dims=1, hidden_dims=(4,), dropout=0.0),
            "quality": PerceptualHead(4, num_dims=1, hidden_dims=(4,), dropout=0.0),
        }
    )
    loss = WeightedSum(
        {
            "emotion": ClassificationLoss(3, head="emotion"),
            "memory": MSELoss(head="memory"),
            "quality": PearsonLoss(head="quality"),
        }
    )
    return nn.Linear(5, 4), heads, loss


def test_absent_targets_contribute_exactly_nothing() -> None:
    trunk, heads, loss = parts()
    features = trunk(X)
    output: AffectOutput = heads(Encoding(features))
    assert output.extra is not None and output.logits is None and output.dims is None
    memory, emotion = output.extra["memory"], output.extra["emotion"]
    for kept in (memory, emotion):
        kept.retain_grad()
    terms = loss(output, TARGET)
    torch.autograd.backward(terms.total)
    assert memory.grad is not None and emotion.grad is not None
    assert not memory.grad[:3].any() and bool(memory.grad[3:].all())
    assert not emotion.grad[3:].any() and bool(emotion.grad[:3].any())
    for parameter in heads.heads["quality"].parameters():
        assert parameter.grad is None or not parameter.grad.any()
    for parameter in heads.heads["emotion"].parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all())
    assert {"emotion", "memory", "quality"} == set(terms.terms) and terms.terms["quality"] == 0


def test_two_data_sets_in_one_batch_equal_two_batches() -> None:
    trunk, heads, loss = parts()
    assert TARGET.extra is not None
    whole = loss(heads(Encoding(trunk(X))), TARGET)
    halves = [
        loss(
            heads(Encoding(trunk(X[rows]))),
            Target(extra={name: value[rows] for name, value in TARGET.extra.items()}, weight=torch.ones(3)),
        )
        for rows in (slice(0, 3), slice(3, 6))
    ]
    sums = sum(part.total * part.weight for part in halves)
    torch.testing.assert_close(whole.total * whole.weight, sums)


def test_targets_of_a_source_go_to_its_head() -> None:
    trunk, heads, loss = parts()
    widths = {"emotion": None, "memory": 1, "quality": 1}
    target = Target(label=torch.tensor([0, 2, -100]), weight=torch.tensor([1.0, 1.0, 1.0]))
    moved = per_dataset_target(target, "emotion", widths)
    assert moved.label is None and moved.extra is not None and set(moved.extra) == set(widths)
    assert torch.equal(moved.extra["emotion"], torch.tensor([0, 2, -100]))
    assert moved.extra["memory"].shape == (3, 1) and bool(moved.extra["memory"].isnan().all())
    terms = loss(heads(Encoding(trunk(X[:3]))), moved)
    assert terms.terms["memory"] == 0 and terms.terms["emotion"] > 0
    with pytest.raises(ValueError, match="source='lamem'"):
        per_dataset_target(target, "lamem", widths)
    with pytest.raises(ValueError, match="no dims of width 1 in a batch of 'memory'"):
        per_dataset_target(target, "memory", widths)


def test_values_need_no_weight_to_find_the_rows() -> None:
    trunk, heads, _ = parts()
    target = Target(extra={"memory": torch.rand(6, 1)})
    terms = WeightedSum({"memory": MSELoss(head="memory")})(heads(Encoding(trunk(X))), target)
    assert float(terms.weight) == 6


def test_refusals() -> None:
    with pytest.raises(ValueError, match="got no head"):
        PerDatasetHeads({})
    with pytest.raises(TypeError, match="got str as head 'a'"):
        PerDatasetHeads({"a": "head"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="head 'a' predicts neither or both"):
        PerDatasetHeads({"a": PerceptualHead(4, num_classes=2, num_dims=1)})(Encoding(torch.zeros(1, 4)))
    with pytest.raises(ValueError, match="MSELoss compares the extra 'memory'"):
        MSELoss(head="memory")(AffectOutput(), TARGET)

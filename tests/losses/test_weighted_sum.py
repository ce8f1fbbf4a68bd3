from __future__ import annotations

import math

import pytest
import torch

from affectkit.losses import CCCLoss, ClassificationLoss, LinearRamp, MSELoss, WeightedSum
from affectkit.types import AffectOutput, Loss, Target

OUTPUT = AffectOutput(
    logits=torch.randn(6, 3, generator=torch.Generator().manual_seed(0)),
    dims=torch.randn(6, 2, generator=torch.Generator().manual_seed(1)),
)
DIMS = torch.randn(6, 2, generator=torch.Generator().manual_seed(2))
DIMS[2:5] = math.nan
TARGET = Target(
    label=torch.tensor([0, 1, -100, 2, 1, 0]),
    dims=DIMS,
    weight=torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
)


def test_one_divisor_for_all_terms() -> None:
    emotion, va = ClassificationLoss(3)(OUTPUT, TARGET), MSELoss()(OUTPUT, TARGET)
    assert (float(emotion.weight), float(va.weight)) == (4.0, 2.0)
    loss = WeightedSum({"emotion": ClassificationLoss(3), "va": MSELoss()}, {"va": 0.5})
    terms = loss(OUTPUT, TARGET)
    assert float(terms.weight) == 5.0
    assert float(terms.terms["emotion"]) == pytest.approx(4 * emotion.total.item() / 5)
    assert float(terms.terms["va"]) == pytest.approx(2 * va.total.item() / 5)
    expected = (4 * emotion.total.item() + 0.5 * 2 * va.total.item()) / 5
    assert terms.total.item() == pytest.approx(expected)


def test_a_loss_over_moments_keeps_its_size() -> None:
    alone = CCCLoss()(OUTPUT, TARGET)
    terms = WeightedSum({"ccc": CCCLoss(), "emotion": ClassificationLoss(3)})(OUTPUT, TARGET)
    assert float(terms.terms["ccc"]) == pytest.approx(alone.total.item())


def test_schedules_follow_progress_also_inside_a_nested_sum() -> None:
    inner = WeightedSum({"va": MSELoss()}, {"va": LinearRamp(1.0, 0.0, begin=0.2, finish=0.6)})
    loss = WeightedSum({"inner": inner, "emotion": ClassificationLoss(3)}, {"emotion": LinearRamp(0.0, 1.0)})
    seen = []
    for progress in (0.0, 0.2, 0.4, 0.6, 1.0):
        loss.set_progress(progress)
        seen.append((inner.weight_of("va"), loss.weight_of("emotion")))
    assert seen == [pytest.approx(pair) for pair in [(1, 0), (1, 0.2), (0.5, 0.4), (0, 0.6), (0, 1)]]
    terms = loss(OUTPUT, TARGET)
    assert terms.total.item() == pytest.approx(float(terms.terms["emotion"]))


def test_the_order_of_the_mapping_does_not_matter() -> None:
    parts: dict[str, Loss] = {"b": MSELoss(), "a": ClassificationLoss(3), "c": CCCLoss()}
    forward, backward = WeightedSum(parts), WeightedSum(dict(reversed(parts.items())))
    assert list(forward.losses) == list(backward.losses) == ["a", "b", "c"]
    assert float(forward(OUTPUT, TARGET).total) == float(backward(OUTPUT, TARGET).total)


def test_buffers_of_the_parts_are_in_the_state() -> None:
    loss = WeightedSum({"emotion": ClassificationLoss(3, class_weight=[1.0, 2.0, 3.0])})
    assert {name: value.tolist() for name, value in loss.state_dict().items()} == {
        "loss_emotion.class_weight": [1.0, 2.0, 3.0]
    }


def test_rows_are_found_without_labels_and_without_weights() -> None:
    # Row 0 is not annotated, and still one of the three rows that the sum is divided by.
    target = Target(dims=torch.tensor([[math.nan], [1.0], [1.0]]))
    terms = WeightedSum({"va": MSELoss()})(AffectOutput(dims=torch.zeros(3, 1)), target)
    assert float(terms.weight) == 3.0
    assert terms.total.item() == pytest.approx(2 / 3)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\['ccc'\]"):
        WeightedSum({"va": MSELoss()}, {"ccc": 1.0})
    with pytest.raises(ValueError, match="at least one loss"):
        WeightedSum({})
    with pytest.raises(ValueError, match=r"begin=0\.5"):
        LinearRamp(0.0, 1.0, begin=0.5, finish=0.5)
    with pytest.raises(ValueError, match="without any field"):
        WeightedSum({"va": MSELoss()})(OUTPUT, Target())

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit import distributed
from affectkit.distill import (
    DimensionConfidence,
    DynamicWeightBalance,
    LabelConfidence,
    VAPrototypeGrid,
    WeightSchedule,
)
from affectkit.losses import ClassificationLoss, MSELoss, VoteDistributionLoss, WeightedSum
from affectkit.types import AffectOutput, Loss, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden" / "simvg_dwbd_rec.npz"
GENERATOR = torch.Generator().manual_seed(6)
STUDENT, TEACHER = (torch.randn(6, 3, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
LABEL = torch.tensor([0, 1, 2, -100, 1, 0])
WEIGHT = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])


def run(loss: DynamicWeightBalance, output: AffectOutput, target: Target) -> LossTerms:
    terms: LossTerms = loss(output, target)
    return terms


def output_of(student: Tensor = STUDENT, teacher: Tensor = TEACHER) -> AffectOutput:
    return AffectOutput(logits=student, views={"teacher_logits": teacher})


def cross_entropy(scores: Tensor, label: int) -> float:
    return -float(scores.double().log_softmax(-1)[label])


def corners(boxes: Tensor) -> Tensor:
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], -1)


def overlaps(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and GIoU of boxes by centre and size, row by row."""
    one, other = corners(one), corners(other)
    inner = (torch.minimum(one[:, 2:], other[:, 2:]) - torch.maximum(one[:, :2], other[:, :2])).clamp(min=0)
    hull = torch.maximum(one[:, 2:], other[:, 2:]) - torch.minimum(one[:, :2], other[:, :2])
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one, other)]
    union = areas[0] + areas[1] - inner.prod(1)
    iou = inner.prod(1) / (union + 1e-6)
    return iou, iou - (hull.prod(1) - union) / (hull.prod(1) + 1e-6)


class DetectionLoss(nn.Module):
    """The loss of the reference for one box a picture: object or nothing, and where."""

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        assert output.logits is not None and output.dims is not None and target.dims is not None
        rows = len(target.dims)
        object_class = torch.zeros(rows, dtype=torch.int64)
        total = F.cross_entropy(output.logits, object_class, weight=torch.tensor([1.0, 0.1]))
        total = total + 5 * (output.dims - target.dims).abs().sum() / rows
        total = total + 2 * (1 - overlaps(output.dims, target.dims)[1]).sum() / rows
        return LossTerms(total, {}, torch.tensor(float(rows)))


class BoxConfidence:
    def rows(self, teacher: AffectOutput, target: Target) -> Tensor:
        assert teacher.logits is not None and teacher.dims is not None and target.dims is not None
        return teacher.logits.softmax(-1)[:, 0] * overlaps(teacher.dims, target.dims)[0]


@pytest.mark.golden
def test_boxes_of_the_reference_are_one_of_its_tasks() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    size = arrays["img_hw"].flip(-1).repeat(1, 2)
    edges = arrays["gt_xyxy"] / size
    truth = torch.cat([(edges[:, :2] + edges[:, 2:]) / 2, edges[:, 2:] - edges[:, :2]], 1)
    logits = arrays["tok_logits"][0, :, 0].requires_grad_()
    raw = arrays["tok_boxes_raw"][0, :, 0].requires_grad_()
    views = {
        "teacher_logits": arrays["dec_logits"][-1, :, 0].requires_grad_(),
        "teacher_dims": arrays["dec_boxes"][-1, :, 0].requires_grad_(),
    }
    target = Target(dims=truth)
    loss = DynamicWeightBalance(DetectionLoss(), confidence=BoxConfidence())
    terms = run(loss, AffectOutput(logits=logits, dims=raw.sigmoid(), views=views), target)
    expected = {"trust": 0.4959729313850403, "truth": 5.834885120391846, "imitation": 2.94157075881958}
    for name, value in expected.items():
        assert terms.terms[name].item() == pytest.approx(value, rel=1e-5), name
    torch.testing.assert_close(
        BoxConfidence().rows(
            AffectOutput(logits=views["teacher_logits"], dims=views["teacher_dims"]), target
        ),
        arrays["teacher_weight"],
        rtol=1e-5,
        atol=0,
    )
    torch.autograd.backward(terms.total)
    assert logits.grad is not None and raw.grad is not None
    torch.testing.assert_close(logits.grad, arrays["grad_tok_logits"][0, :, 0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(raw.grad, arrays["grad_tok_boxes_raw"][0, :, 0], rtol=1e-4, atol=1e-6)
    assert all(view.grad is None for view in views.values())
    # The teacher's own part: the reference sums it over its three layers.
    own = [
        DetectionLoss()(AffectOutput(logits=layer[:, 0], dims=boxes[:, 0]), target).total
        for layer, boxes in zip(arrays["dec_logits"], arrays["dec_boxes"])
    ]
    assert sum(float(part.detach()) for part in own) == pytest.approx(15.259553909301758, rel=1e-5)
    joint = DynamicWeightBalance(DetectionLoss(), confidence=BoxConfidence(), teacher_weight=1.0)
    with_teacher = run(joint, AffectOutput(logits=logits, dims=raw.sigmoid(), views=views), target)
    assert with_teacher.terms["teacher"].item() == pytest.approx(float(own[-1].detach()), rel=1e-6)
    torch.autograd.backward(with_teacher.total)
    assert all(view.grad is not None and bool(view.grad.any()) for view in views.values())


def test_one_mixture_for_the_batch_equals_a_loop() -> None:
    rows = [row for row in range(6) if WEIGHT[row] > 0]
    known = [row for row in rows if LABEL[row] >= 0]
    trust = sum(math.exp(-cross_entropy(TEACHER[row], int(LABEL[row]))) for row in known) / len(known)
    truth = sum(cross_entropy(STUDENT[row], int(LABEL[row])) for row in known)
    imitation = sum(cross_entropy(STUDENT[row], int(TEACHER[row].argmax())) for row in rows)
    terms = run(DynamicWeightBalance(ClassificationLoss(3)), output_of(), Target(label=LABEL, weight=WEIGHT))
    assert terms.terms["trust"].item() == pytest.approx(trust, abs=1e-12)
    expected = (2 * (1 - trust) * truth + trust * imitation) / len(rows)
    assert terms.total.item() == pytest.approx(expected, abs=1e-9) and float(terms.weight) == len(rows)


def test_a_mixture_for_each_row_equals_a_loop() -> None:
    total = 0.0
    for row in (0, 1, 4, 5):
        own = math.exp(-cross_entropy(TEACHER[row], int(LABEL[row])))
        goal = TEACHER[row].softmax(-1)
        imitation = sum(float(goal[c]) * cross_entropy(STUDENT[row], c) for c in range(3))
        total += 2 * (1 - own) * cross_entropy(STUDENT[row], int(LABEL[row])) + own * imitation
    loss = DynamicWeightBalance(ClassificationLoss(3), imitation_loss=VoteDistributionLoss(), per_sample=True)
    terms = run(loss, output_of(), Target(label=LABEL, weight=WEIGHT))
    assert terms.total.item() == pytest.approx(total / 5, abs=1e-9)


def test_dims_are_mixed_by_how_near_the_teacher_is() -> None:
    truth = torch.tensor([[0.0, 0.5], [math.nan, -0.5], [math.nan, math.nan]])
    said = torch.tensor([[0.2, 0.1], [0.9, -0.4], [0.3, 0.3]])
    trust = DimensionConfidence(0.5).rows(AffectOutput(dims=said), Target(dims=truth))
    assert trust[:2].tolist() == pytest.approx([math.exp(-0.6), math.exp(-0.2)]) and bool(trust[2].isnan())
    values = torch.zeros(3, 2, requires_grad=True)
    loss = DynamicWeightBalance(MSELoss(), confidence=DimensionConfidence(0.5), truth_weight=1.0)
    terms = run(loss, AffectOutput(dims=values, views={"teacher_dims": said}), Target(dims=truth))
    mean = (math.exp(-0.6) + math.exp(-0.2)) / 2
    squares = [0.125, 0.25], [0.025, 0.485, 0.09]
    expected = ((1 - mean) * sum(squares[0]) + mean * sum(squares[1])) / 3
    assert terms.total.item() == pytest.approx(expected, abs=1e-6)


def test_without_any_truth_the_teacher_is_not_trusted() -> None:
    student = STUDENT.clone().requires_grad_()
    terms = run(
        DynamicWeightBalance(ClassificationLoss(3)),
        output_of(student),
        Target(label=torch.full((6,), -100)),
    )
    torch.autograd.backward(terms.total)
    assert terms.total.item() == 0 and terms.terms["trust"].item() == 0
    assert student.grad is not None and not student.grad.any()


def test_a_teacher_that_is_sure_of_everything_leaves_the_truth_out() -> None:
    sure = 200 * F.one_hot(LABEL.clamp(min=0), 3).double()
    loss = DynamicWeightBalance(ClassificationLoss(3), per_sample=True)
    terms = run(loss, output_of(teacher=sure), Target(label=LABEL.clamp(min=0)))
    assert terms.terms["trust"].item() == 1 and terms.terms["truth"].item() == 0
    expected = sum(cross_entropy(STUDENT[row], max(int(LABEL[row]), 0)) for row in range(6)) / 6
    assert terms.total.item() == pytest.approx(expected, abs=1e-9)


def test_stored_answers_that_are_absent_add_nothing() -> None:
    stored = TEACHER.clone()
    stored[0] = math.nan
    student = STUDENT.clone().requires_grad_()
    loss = DynamicWeightBalance(ClassificationLoss(3), truth_weight=0.0)
    target = Target(label=LABEL, extra={"teacher_logits": stored})
    terms = run(loss, AffectOutput(logits=student), target)
    torch.autograd.backward(terms.total)
    assert student.grad is not None and not student.grad[0].any()
    assert bool(student.grad[1:].any(1).all()) and bool(student.grad.isfinite().all())


@pytest.mark.parametrize("per_sample", [False, True])
def test_neither_trust_nor_answers_carry_a_gradient(per_sample: bool) -> None:
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    loss = DynamicWeightBalance(
        ClassificationLoss(3), imitation_loss=VoteDistributionLoss(), per_sample=per_sample
    )
    terms = run(loss, output_of(student, teacher), Target(label=LABEL))
    torch.autograd.backward(terms.total)
    assert student.grad is not None and bool(student.grad.any()) and teacher.grad is None


def test_gradcheck_holds_as_the_trust_is_a_constant() -> None:
    def total(student: Tensor) -> Tensor:
        loss = DynamicWeightBalance(ClassificationLoss(3))
        return run(loss, output_of(student), Target(label=LABEL, weight=WEIGHT)).total

    assert torch.autograd.gradcheck(total, (STUDENT.clone().requires_grad_(),))


def test_refusals() -> None:
    loss = DynamicWeightBalance(ClassificationLoss(3))
    with pytest.raises(ValueError, match="needs 'teacher_logits' or 'teacher_dims'"):
        run(loss, AffectOutput(logits=STUDENT), Target(label=LABEL))
    with pytest.raises(ValueError, match="weights of 0 or more"):
        DynamicWeightBalance(ClassificationLoss(3), truth_weight=-1.0)
    with pytest.raises(ValueError, match="or use DimensionConfidence"):
        LabelConfidence().rows(AffectOutput(dims=STUDENT), Target(label=LABEL))
    with pytest.raises(ValueError, match="or use LabelConfidence"):
        DimensionConfidence().rows(AffectOutput(logits=STUDENT), Target(label=LABEL))
    with pytest.raises(ValueError, match="error above 0"):
        DimensionConfidence(0.0)


def test_the_command_line_finds_every_part_by_its_path(tmp_path: Path) -> None:
    grid = tmp_path / "grid.safetensors"
    VAPrototypeGrid.random(4).save(grid)
    parts = {
        "prototypes": part(
            "PrototypeDistillationLoss", grid=str(grid), space="meld7.official", student_dim=6
        ),
        "prior": part("GeometricPriorLoss", classes=[0, 1]),
        "scores": part("LogitDistillationLoss", distance="mse"),
        "features": part("FeatureDistillationLoss"),
        "balance": part(
            "DynamicWeightBalance",
            task_loss={"class_path": "affectkit.losses.MSELoss"},
            confidence=part("DimensionConfidence", sigma=0.3),
        ),
    }
    weights = {"prior": part("WeightSchedule", end=0.012, begin=20, finish=60, total=100), "scores": 0.3}
    parser = ArgumentParser()
    parser.add_argument("--loss", type=Loss)
    text = {"class_path": "affectkit.losses.WeightedSum", "init_args": {"losses": parts, "weights": weights}}
    loss: WeightedSum = parser.instantiate_classes(parser.parse_object({"loss": text})).loss
    balance = loss.losses["balance"]
    assert isinstance(balance, DynamicWeightBalance) and isinstance(balance.confidence, DimensionConfidence)
    assert len(loss.losses) == 5 and isinstance(loss.weights["prior"], WeightSchedule)


def part(name: str, **arguments: object) -> dict[str, object]:
    return {"class_path": f"affectkit.distill.{name}", "init_args": arguments}


def rank_gradient(split: tuple[int, ...]) -> tuple[list[list[float]], float]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    student = STUDENT.clone().requires_grad_()
    terms = run(
        DynamicWeightBalance(ClassificationLoss(3)),
        output_of(student[rows], TEACHER[rows]),
        Target(label=LABEL[rows], weight=WEIGHT[rows]),
    )
    torch.autograd.backward(terms.total * terms.weight)
    assert student.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    value = distributed.all_reduce_sum(terms.total * terms.weight) / window
    return (distributed.all_reduce_sum(student.grad) / window).tolist(), float(value)


@pytest.mark.distributed
def test_two_ranks_are_one_batch(run_ranks: RunRanks) -> None:
    gradient, value = rank_gradient((6,))
    for split in ((2, 4), (6, 0)):
        for other in run_ranks(rank_gradient, split):
            assert other[1] == pytest.approx(value, abs=1e-12)
            torch.testing.assert_close(torch.tensor(other[0]), torch.tensor(gradient), rtol=0, atol=1e-12)

"""Scores and features of a teacher: against a loop, over absent rows, with gradients, refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from affectkit.distill import FeatureDistillationLoss, LogitDistillationLoss, teacher_views
from affectkit.types import AffectOutput, LossTerms, Target

GENERATOR = torch.Generator().manual_seed(5)
STUDENT, TEACHER = (torch.randn(2, 3, 4, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
ABSENT = TEACHER.clone()
ABSENT[0, 1, 2] = math.nan
WEIGHT = torch.tensor([[1.0, 1.0, 2.0], [0.0, 0.5, 1.0]])
#: Rows that count, with their weight.
COUNTED = {(0, 0): 1.0, (0, 2): 2.0, (1, 1): 0.5, (1, 2): 1.0}


def softmax(values: list[float], temperature: float) -> list[float]:
    weights = [math.exp(value / temperature) for value in values]
    return [weight / sum(weights) for weight in weights]


def kl(student: list[float], teacher: list[float]) -> float:
    goal, own = softmax(teacher, 3.0), softmax(student, 3.0)
    return 9.0 * sum(p * math.log(p / q) for p, q in zip(goal, own))


def square(student: list[float], teacher: list[float]) -> float:
    return sum((one - other) ** 2 for one, other in zip(student, teacher)) / len(student)


def cosine(student: list[float], teacher: list[float]) -> float:
    dot = sum(one * other for one, other in zip(student, teacher))
    return 1 - dot / math.hypot(*student) / math.hypot(*teacher)


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[list[float], list[float]], float], str]] = {
    "kl": (lambda: LogitDistillationLoss(temperature=3.0), kl, "teacher_logits"),
    "logit mse": (lambda: LogitDistillationLoss(distance="mse"), square, "teacher_logits"),
    "cosine": (FeatureDistillationLoss, cosine, "teacher_embedding"),
    "feature mse": (lambda: FeatureDistillationLoss(distance="mse"), square, "teacher_embedding"),
}


def run(module: nn.Module, student: Tensor, target: Target, **views: Tensor) -> LossTerms:
    terms: LossTerms = module(AffectOutput(logits=student, embedding=student, views=views), target)
    return terms


@pytest.mark.parametrize("name", CASES)
def test_a_live_and_a_stored_teacher_equal_a_loop(name: str) -> None:
    build, distance, part = CASES[name]
    rows = [
        weight * distance(STUDENT[place].tolist(), TEACHER[place].tolist())
        for place, weight in COUNTED.items()
    ]
    for target, views in (
        (Target(weight=WEIGHT), {part: ABSENT}),
        (Target(weight=WEIGHT, extra={part: ABSENT}), {}),
    ):
        terms = run(build(), STUDENT, target, **views)
        assert terms.total.item() == pytest.approx(sum(rows) / 4, abs=1e-9) and float(terms.weight) == 4


@pytest.mark.parametrize("name", CASES)
def test_gradients_reach_the_counted_rows_of_the_student_alone(name: str) -> None:
    build, _, part = CASES[name]
    student, teacher = STUDENT.clone().requires_grad_(), ABSENT.clone().requires_grad_()
    terms = run(build(), student, Target(weight=WEIGHT), **{part: teacher})
    torch.autograd.backward(terms.total)
    assert student.grad is not None and teacher.grad is None
    for place in ((row, turn) for row in range(2) for turn in range(3)):
        assert bool(student.grad[place].any()) == (place in COUNTED)

    def total(values: Tensor) -> Tensor:
        return run(build(), values, Target(weight=WEIGHT), **{part: ABSENT}).total

    assert torch.autograd.gradcheck(total, (STUDENT.clone().requires_grad_(),))


@pytest.mark.parametrize("name", CASES)
def test_no_row_is_a_zero_that_keeps_the_graph(name: str) -> None:
    build, _, part = CASES[name]
    student = STUDENT.clone().requires_grad_()
    terms = run(build(), student, Target(), **{part: torch.full_like(TEACHER, math.nan)})
    torch.autograd.backward(terms.total)
    assert terms.total.item() == 0 and float(terms.weight) == 0
    assert student.grad is not None and not student.grad.any()


def test_a_projection_is_learnt_where_widths_differ() -> None:
    torch.manual_seed(0)
    loss = FeatureDistillationLoss(4, 7, distance="mse")
    teacher = torch.randn(5, 7)
    student = torch.randn(5, 4)
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.5)
    values = []
    for _ in range(20):
        terms = run(loss, student, Target(), teacher_embedding=teacher)
        values.append(terms.total.item())
        optimizer.zero_grad()
        torch.autograd.backward(terms.total)
        optimizer.step()
    assert values[-1] < 0.7 * values[0]


def test_half_precision_stays_near() -> None:
    for build, _, part in CASES.values():
        half = run(build(), STUDENT.bfloat16(), Target(), **{part: TEACHER.bfloat16()})
        full = run(build(), STUDENT, Target(), **{part: TEACHER})
        assert half.total.dtype == torch.float32
        assert half.total.item() == pytest.approx(full.total.item(), rel=0.02)


def test_a_teachers_results_come_without_gradient() -> None:
    output = AffectOutput(logits=torch.ones(1, 2, requires_grad=True), dims=torch.zeros(1, 2))
    views = teacher_views(output)
    assert sorted(views) == ["teacher_dims", "teacher_logits"] and not views["teacher_logits"].requires_grad


def test_refusals() -> None:
    with pytest.raises(ValueError, match="needs 'teacher_logits', which neither"):
        run(LogitDistillationLoss(), STUDENT, Target())
    with pytest.raises(ValueError, match="one label space"):
        run(LogitDistillationLoss(), STUDENT, Target(), teacher_logits=TEACHER[..., :3])
    with pytest.raises(ValueError, match="give student_dim=4 and teacher_dim=3 to learn a linear map"):
        run(FeatureDistillationLoss(), STUDENT, Target(), teacher_embedding=TEACHER[..., :3])
    with pytest.raises(ValueError, match=r"got student features of shape .*: set teacher_dim to 3\."):
        run(FeatureDistillationLoss(4, 5).double(), STUDENT, Target(), teacher_embedding=TEACHER[..., :3])
    with pytest.raises(ValueError, match="width 6 and got width 4"):
        run(FeatureDistillationLoss(6, 3), STUDENT, Target(), teacher_embedding=TEACHER[..., :3])
    with pytest.raises(ValueError, match="give both widths"):
        FeatureDistillationLoss(6)
    with pytest.raises(ValueError, match="temperature above 0"):
        LogitDistillationLoss(temperature=0)
    for kind in (LogitDistillationLoss, FeatureDistillationLoss):
        with pytest.raises(ValueError, match="distance='l1'"):
            kind(distance="l1")  # type: ignore[arg-type]

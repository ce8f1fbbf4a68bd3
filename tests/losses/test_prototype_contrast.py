from __future__ import annotations

import copy
import io
import math
from typing import TYPE_CHECKING, Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit import distributed
from affectkit.losses import PrototypeContrastLoss
from affectkit.types import AffectOutput, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

Form = Literal["plain", "decoupled"]
CLASSES, DIM = 4, 5


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = noise(12, DIM)
LABEL = torch.tensor([0, 1, 0, -100, 1, 0, 2, 3, 2, 1, 0, -100])
WEIGHT = torch.tensor([1.0, 1.0, 2.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0], dtype=torch.float64)
CENTRES = noise(CLASSES, DIM, seed=9)


def make(**options: object) -> PrototypeContrastLoss:
    given = {"temperature": 0.3, "pool_size": 8, "support_size": 3, "centres": CENTRES.tolist(), **options}
    return PrototypeContrastLoss(CLASSES, DIM, **given)  # type: ignore[arg-type]


def run(loss: PrototypeContrastLoss, x: Tensor = X, rows: slice = slice(None)) -> LossTerms:
    terms: LossTerms = loss(AffectOutput(embedding=x[rows]), Target(label=LABEL[rows], weight=WEIGHT[rows]))
    return terms


def naive(x: Tensor, centres: Tensor, *, form: Form, least: float) -> tuple[float, int]:
    """As the official code: the batch and the centres in one list, row by row."""
    rows = [i for i in range(12) if LABEL[i] >= 0 and WEIGHT[i] > 0]
    everything = [x[i] for i in rows] + list(centres)
    classes = [int(LABEL[i]) for i in rows] + list(range(CLASSES))
    total, counted = 0.0, 0
    for place, i in enumerate(rows):
        scores = [(1 + float(F.cosine_similarity(x[i], other, dim=0))) / 2 / 0.3 for other in everything]
        positives = [s for k, s in enumerate(scores) if k != place and classes[k] == LABEL[i]]
        negatives = [s for k, s in enumerate(scores) if classes[k] != LABEL[i]]
        right, wrong = sum(map(math.exp, positives)), sum(map(math.exp, negatives))
        if form == "plain":
            loss = -math.log(right / (right + wrong) / len(positives))
        else:
            loss = math.log(wrong) - sum(positives) / len(positives)
        if loss > least:
            total += float(WEIGHT[i]) * loss
            counted += 1
    return total / counted, counted


@pytest.mark.parametrize("least", [None, 1.9, 2.2])
@pytest.mark.parametrize("form", ["plain", "decoupled"])
def test_it_equals_a_loop_over_the_batch_and_the_centres(form: Form, least: float | None) -> None:
    loss = make(form=form, min_loss=least).eval()
    expected = {"plain": 0.3, "decoupled": 0.0}[form] if least is None else least
    value, counted = naive(X, CENTRES.float().double(), form=form, least=expected)
    terms = run(loss)
    assert terms.total.item() == pytest.approx(value, abs=1e-6)
    assert float(terms.weight) == 9
    if least == 2.2:
        assert 0 < counted < 9


def test_rows_below_the_least_loss_teach_nothing() -> None:
    x = CENTRES[LABEL.clamp(min=0)].clone().requires_grad_()
    for form in ("plain", "decoupled"):
        terms = run(make(form=form, temperature=0.01, min_loss=3.0).eval(), x)
        (gradient,) = torch.autograd.grad(terms.total, [x])
        assert terms.total.item() == 0.0 and not gradient.any() and float(terms.weight) == 9


def test_evaluation_changes_nothing() -> None:
    loss = make().eval()
    before = copy.deepcopy(loss.state_dict())
    run(loss)
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())


def test_a_centre_is_the_mean_of_rows_that_were_seen_and_until_then_the_default() -> None:
    loss = make()
    run(loss)
    # Class 0 has 3 rows (one is padding), class 1 three, class 2 two, class 3 one.
    assert loss.seen.tolist() == [3, 3, 2, 1]
    torch.testing.assert_close(loss.centres[0], X[[0, 2, 10]].float().mean(0))
    torch.testing.assert_close(loss.centres[1], X[[1, 4, 9]].float().mean(0))
    assert torch.equal(loss.centres[2:], CENTRES[2:].float())


def test_the_queue_keeps_the_last_rows_also_of_a_batch_that_is_larger() -> None:
    loss = make(pool_size=4, support_size=4)
    arrived: list[Tensor] = []
    for size in (3, 2, 9, 1):
        rows = noise(size, DIM, seed=size)
        arrived += list(rows.float())
        loss(AffectOutput(embedding=rows), Target(label=torch.full((size,), 2)))
        # Support and queue are equally large: the centre is the mean of the last four.
        if len(arrived) >= 4:
            torch.testing.assert_close(loss.centres[2], torch.stack(arrived[-4:]).mean(0))
    assert loss.seen.tolist() == [0, 0, 15, 0]


def test_what_is_drawn_depends_on_seed_and_step() -> None:
    def centres(seed: int, steps: int) -> list[Tensor]:
        loss = make(seed=seed, support_size=2)
        found = []
        for _ in range(steps):
            run(loss)
            found.append(loss.centres.clone())
        return found

    first, again, other = centres(0, 4), centres(0, 4), centres(1, 4)
    assert all(torch.equal(one, two) for one, two in zip(first, again))
    assert not torch.equal(first[-1], other[-1])
    # Class 3 sees the same row each time; class 0 draws 2 of its rows anew.
    assert torch.equal(first[-1][3], first[-2][3]) and not torch.equal(first[-1][0], first[-2][0])


def test_training_goes_on_from_a_saved_state() -> None:
    loss = make()
    expected = [run(loss, noise(12, DIM, seed=step)).total.item() for step in range(6)]
    begun = make()
    for step in range(3):
        run(begun, noise(12, DIM, seed=step))
    stored = io.BytesIO()
    torch.save(begun.state_dict(), stored)
    stored.seek(0)
    resumed = make(centres=None)
    resumed.load_state_dict(torch.load(stored, weights_only=True))
    assert [run(resumed, noise(12, DIM, seed=step)).total.item() for step in range(3, 6)] == expected[3:]


def test_default_centres_are_drawn_once() -> None:
    one, two, other = make(centres=None), make(centres=None), make(centres=None, seed=1)
    assert torch.equal(one.centres, two.centres) and not torch.equal(one.centres, other.centres)
    torch.testing.assert_close(one.centres.norm(dim=1), torch.ones(CLASSES))


@pytest.mark.parametrize("form", ["plain", "decoupled"])
def test_gradcheck(form: Form) -> None:
    loss = make(form=form).eval()
    assert torch.autograd.gradcheck(lambda x: run(loss, x).total, (X.clone().requires_grad_(),))


def test_rows_without_label_or_weight_reach_nothing() -> None:
    x = X.clone().requires_grad_()
    gone = (LABEL < 0) | (WEIGHT == 0)
    loss, clean = make(), make()
    terms = run(loss, x + torch.where(gone, math.nan, 0.0).unsqueeze(1))
    assert terms.total.item() == run(clean).total.item()
    torch.autograd.backward(terms.total)
    assert torch.equal(loss.pool, clean.pool) and bool(loss.pool.isfinite().all())
    assert x.grad is not None and not x.grad[gone].any() and bool(x.grad[~gone].any(1).all())


def test_a_batch_without_labels_is_a_zero_that_keeps_the_graph() -> None:
    x = X[3:4].clone().requires_grad_()
    terms: LossTerms = make()(AffectOutput(embedding=x), Target(label=LABEL[3:4]))
    torch.autograd.backward(terms.total * terms.weight)
    assert (terms.total.item(), float(terms.weight)) == (0.0, 0.0)
    assert x.grad is not None and not x.grad.any()


def test_half_precision_is_left_to_the_model() -> None:
    expected = run(make(), X.float()).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert run(make(), X.float()).total.item() == expected.item()


def test_refusals() -> None:
    for options in ({"support_size": 9}, {"temperature": 0}, {"form": "other"}, {"centres": [[0.0]]}):
        with pytest.raises(ValueError, match=r"PrototypeContrastLoss got .*give"):
            make(**options)
    with pytest.raises(
        ValueError, match=r"4 classes and vectors of 5 numbers and got vectors of 5 and labels \[7\]"
    ):
        make()(AffectOutput(embedding=X[:1]), Target(label=torch.tensor([7])))
    with pytest.raises(ValueError, match="vectors of 3"):
        make()(AffectOutput(embedding=X[:1, :3]), Target(label=torch.tensor([1])))


def rank_gradient(form: Form, split: tuple[int, ...]) -> tuple[list[list[float]], list[float], list[float]]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    loss = make(form=form, support_size=2, min_loss=1.5)
    values = []
    for step in range(3):
        x = noise(12, DIM, seed=step).requires_grad_()
        terms = run(loss, x, rows)
        torch.autograd.backward(terms.total * terms.weight)
        window = distributed.all_reduce_sum(terms.weight)
        values.append(float(distributed.all_reduce_sum(terms.total * terms.weight) / window))
    assert x.grad is not None
    gradient = distributed.all_reduce_sum(x.grad) / window
    return gradient.tolist(), values, loss.centres.flatten().tolist()


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(6, 6), (10, 2), (12, 0)])
@pytest.mark.parametrize("form", ["plain", "decoupled"])
def test_two_ranks_are_one_batch(run_ranks: RunRanks, form: Form, split: tuple[int, int]) -> None:
    expected, values, centres = rank_gradient(form, (12,))
    for gradient, totals, found in run_ranks(rank_gradient, form, split):
        assert totals == pytest.approx(values, abs=1e-12)
        assert found == centres
        torch.testing.assert_close(torch.tensor(gradient), torch.tensor(expected), rtol=0, atol=1e-12)

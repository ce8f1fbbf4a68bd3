from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit import distributed
from affectkit.losses import NullTargetContrastiveLoss
from affectkit.types import AffectOutput, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden" / "tipclip_null_contrastive_unofficial.npz"
Positives = Literal["logsumexp", "literal"]
TAU = 0.07


def unit(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


TEXT, IMAGE, NULL = unit(7, 5, seed=0), unit(7, 5, seed=1), unit(5, seed=2)
LABEL = torch.tensor([1, 0, 0, 1, -100, 0, 1])


def run(
    text: Tensor, image: Tensor, null: Tensor, label: Tensor, positives: Positives = "logsumexp"
) -> LossTerms:
    loss = NullTargetContrastiveLoss(positives=positives, temperature=TAU)
    views = {"text": text, "image": image, "null": null}
    terms: LossTerms = loss(AffectOutput(views=views), Target(label=label))
    return terms


def naive(text: Tensor, image: Tensor, null: Tensor, label: Tensor, positives: str) -> tuple[float, float]:
    """Both directions, term by term."""
    rows = [row for row in range(len(label)) if label[row] >= 0]
    goal = {row: image[row] if label[row] == 1 else null for row in rows}
    sums = [0.0, 0.0]
    for i in rows:
        partners = [i]
        if positives == "logsumexp" and label[i] == 0:
            partners = [j for j in rows if label[j] == 0]
        across = {j: math.exp(float(text[i] @ goal[j]) / TAU) for j in rows}
        down = {j: math.exp(float(text[j] @ goal[i]) / TAU) for j in rows}
        for place, column in enumerate((across, down)):
            sums[place] -= math.log(sum(column[j] for j in partners) / sum(column.values()))
    return sums[0] / len(rows), sums[1] / len(rows)


@pytest.mark.golden
def test_both_forms_on_the_golden_batch() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    arguments = (arrays["text"], arrays["image"], arrays["null_image"], arrays["is_visual"].long())
    literal = run(*arguments, "literal").total
    torch.testing.assert_close(literal, arrays["loss_plain"], rtol=1e-5, atol=0)
    assert run(*arguments).total.item() == pytest.approx(5.947920, abs=1e-5)
    across, down = naive(*arguments, "logsumexp")
    assert across == pytest.approx(5.292512, abs=1e-4)
    assert down == pytest.approx(6.603328, abs=1e-4)


@pytest.mark.parametrize("positives", ["logsumexp", "literal"])
def test_it_equals_a_loop_over_pairs(positives: Positives) -> None:
    terms = run(TEXT, IMAGE, NULL, LABEL, positives)
    assert terms.total.item() == pytest.approx(sum(naive(TEXT, IMAGE, NULL, LABEL, positives)) / 2, abs=1e-9)
    assert float(terms.weight) == 6


def test_only_the_default_can_reach_zero() -> None:
    basis = 30 * torch.eye(3, dtype=torch.float64)
    text, image = basis[[0, 1, 2, 2]], basis[[0, 1, 0, 0]]
    label = torch.tensor([1, 1, 0, 0])
    assert run(text, image, basis[2], label).total.item() == pytest.approx(0.0, abs=1e-9)
    assert run(text, image, basis[2], label, "literal").total.item() > 0.3


def test_rows_without_label_or_picture_reach_nothing() -> None:
    leaves = [part.clone().requires_grad_() for part in (TEXT, IMAGE, NULL)]
    spoiled = leaves[1] + torch.where(LABEL == 1, 0.0, math.nan).unsqueeze(1)
    terms = run(leaves[0] + torch.where(LABEL < 0, math.nan, 0.0).unsqueeze(1), spoiled, leaves[2], LABEL)
    torch.autograd.backward(terms.total)
    assert terms.total.item() == pytest.approx(run(TEXT, IMAGE, NULL, LABEL).total.item(), abs=1e-12)
    text, image, null = (leaf.grad for leaf in leaves)
    assert text is not None and image is not None and null is not None
    assert not text[4].any() and bool(text[LABEL >= 0].any(-1).all())
    assert not image[LABEL != 1].any() and bool(image[LABEL == 1].any(-1).all())
    assert bool(null.any()) and bool(null.isfinite().all())


def test_batches_that_teach_nothing() -> None:
    for label in (torch.zeros(7, dtype=torch.int64), torch.full((7,), -100)):
        text = TEXT.clone().requires_grad_()
        terms = run(text, IMAGE, NULL, label)
        torch.autograd.backward(terms.total)
        assert terms.total.item() == pytest.approx(0.0, abs=1e-12)
        assert text.grad is not None and float(text.grad.abs().max()) < 1e-12


def test_gradcheck() -> None:
    def total(text: Tensor, image: Tensor, null: Tensor) -> Tensor:
        return run(text, image, null, LABEL).total

    leaves = tuple(part.clone().requires_grad_() for part in (TEXT, IMAGE, NULL))
    assert torch.autograd.gradcheck(total, leaves)


def test_the_scale_of_the_views_is_learnt() -> None:
    scale = torch.tensor(1 / TAU, requires_grad=True)
    views = {"text": TEXT, "image": IMAGE, "null": NULL, "scale": scale}
    terms: LossTerms = NullTargetContrastiveLoss()(AffectOutput(views=views), Target(label=LABEL))
    assert terms.total.item() == pytest.approx(run(TEXT, IMAGE, NULL, LABEL).total.item(), abs=1e-5)
    torch.autograd.backward(terms.total)
    assert scale.grad is not None and bool(scale.grad.any())


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"temperature=0\.0"):
        NullTargetContrastiveLoss(temperature=0.0)
    with pytest.raises(ValueError, match=r"no views\['text'\]"):
        NullTargetContrastiveLoss()(AffectOutput(), Target(label=LABEL))
    with pytest.raises(ValueError, match="one text, picture and label"):
        run(TEXT, IMAGE[:3], NULL, LABEL)


def rank_gradients(
    split: tuple[int, ...], positives: Positives
) -> tuple[list[list[float]], list[float], float]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    text, null = TEXT.clone().requires_grad_(), NULL.clone().requires_grad_()
    terms = run(text[rows], IMAGE[rows], null, LABEL[rows], positives)
    torch.autograd.backward(terms.total * terms.weight)
    assert text.grad is not None and null.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    gradients = [distributed.all_reduce_sum(part) / window for part in (text.grad, null.grad)]
    value = distributed.all_reduce_sum(terms.total * terms.weight) / window
    return gradients[0].tolist(), gradients[1].tolist(), float(value)


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(3, 4), (6, 1), (7, 0)])
@pytest.mark.parametrize("positives", ["logsumexp", "literal"])
def test_two_ranks_are_one_batch(run_ranks: RunRanks, split: tuple[int, int], positives: Positives) -> None:
    text, null, value = rank_gradients((7,), positives)
    for other in run_ranks(rank_gradients, split, positives):
        assert other[2] == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(torch.tensor(other[0]), torch.tensor(text), rtol=0, atol=1e-12)
        torch.testing.assert_close(torch.tensor(other[1]), torch.tensor(null), rtol=0, atol=1e-12)

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit import distributed
from affectkit.functional import TripletMargin
from affectkit.losses import CovarianceLoss, TripletMarginLoss, TripletMining, VarianceLoss, WeightedSum
from affectkit.types import AffectOutput, Loss, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden" / "m2fnet_adaptive_triplet.npz"
MINED: tuple[TripletMining, ...] = ("batch_hard", "semi_hard", "batch_all")
MARGINS: tuple[TripletMargin, ...] = (0.3, "adaptive_rescaled", "adaptive")
Reduction = Literal["active", "mean"]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


#: Two labels often, one twice, one once, and rows without label.
LABEL = torch.tensor([0, 1, 0, -100, 1, 0, 2, 3, 2, 1, 0, -100])
WEIGHT = torch.tensor([1.0, 1.0, 2.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0], dtype=torch.float64)
X = noise(12, 5)


def batch(embedding: Tensor, label: Tensor = LABEL, weight: Tensor = WEIGHT) -> tuple[AffectOutput, Target]:
    return AffectOutput(embedding=embedding), Target(label=label, weight=weight)


def distance(a: Tensor, b: Tensor) -> float:
    return math.sqrt(sum((u - v) ** 2 for u, v in zip(a.tolist(), b.tolist())))


def triplet_loss(ap: float, an: float, margin: TripletMargin, scale: float, *, hinge: bool) -> float:
    """One triplet by the formulas of the sheet."""
    if margin == "adaptive_rescaled":
        ap, an = ap / 2, an / 2
    similar = 1 + 2 / (math.exp(4 * ap) + 1e-6)
    dissimilar = 1 + 2 / (math.exp(-4 * an + 4) + 1e-6)
    m = {"adaptive": similar + dissimilar, "adaptive_rescaled": scale * (similar + dissimilar - 2)}.get(
        cast(str, margin), margin
    )
    value = ap - an + cast(float, m)
    return max(0.0, value) if hinge else value


def naive(
    x: Tensor,
    label: Tensor,
    weight: Tensor,
    *,
    margin: TripletMargin,
    mining: TripletMining,
    reduction: Reduction,
    hinge: bool,
    normalized: bool = True,
) -> tuple[float, int]:
    """Every triplet by itself."""
    rows = [i for i in range(len(x)) if label[i] >= 0 and weight[i] > 0]
    unit = F.normalize(x, dim=-1) if normalized else x
    d = {(i, j): distance(unit[i], unit[j]) for i, j in product(rows, rows)}
    total, active, every, anchors = 0.0, 0, 0, 0
    for a in rows:
        positives = [p for p in rows if p != a and label[p] == label[a]]
        negatives = [n for n in rows if label[n] != label[a]]
        if not positives or not negatives:
            continue
        anchors += 1
        if mining == "batch_all":
            triplets = list(product(positives, negatives))
        elif mining == "batch_hard":
            hard = max(positives, key=lambda p: d[a, p]), min(negatives, key=lambda n: d[a, n])
            triplets = [hard]
        else:
            triplets = []
            for p in positives:
                beyond = [n for n in negatives if d[a, n] > d[a, p]]
                n = min(beyond, key=lambda n: d[a, n]) if beyond else max(negatives, key=lambda n: d[a, n])
                triplets.append((p, n))
        losses = [triplet_loss(d[a, p], d[a, n], margin, 0.2, hinge=hinge) for p, n in triplets]
        total += float(weight[a]) * sum(losses)
        every += len(losses)
        active += sum(loss > 0 for loss in losses)
    counted = active if hinge and reduction == "active" else every
    return total / max(1, counted), anchors


def make(mining: TripletMining, margin: TripletMargin = 0.3, **options: object) -> TripletMarginLoss:
    return TripletMarginLoss(margin, mining=mining, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("hinge", [True, False])
@pytest.mark.parametrize("reduction", ["active", "mean"])
@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("mining", MINED)
def test_it_equals_a_loop_over_triplets(
    mining: TripletMining, margin: TripletMargin, reduction: Reduction, hinge: bool
) -> None:
    terms = make(mining, margin, reduction=reduction, hinge=hinge)(*batch(X))
    value, anchors = naive(X, LABEL, WEIGHT, margin=margin, mining=mining, reduction=reduction, hinge=hinge)
    assert terms.total.item() == pytest.approx(value, abs=1e-12)
    assert float(terms.weight) == anchors == 8


@pytest.mark.parametrize("mining", MINED)
def test_without_unit_length_distances_are_those_of_the_vectors(mining: TripletMining) -> None:
    value, _ = naive(
        X, LABEL, WEIGHT, margin=0.3, mining=mining, reduction="active", hinge=True, normalized=False
    )
    assert make(mining, normalized=False)(*batch(X)).total.item() == pytest.approx(value, abs=1e-12)


def on_a_line(*places: float) -> Tensor:
    return torch.tensor(places, dtype=torch.float64).unsqueeze(1)


@pytest.mark.parametrize("mining", MINED)
def test_triplets_exactly_at_the_hinge_count_on_neither_side(mining: TripletMining) -> None:
    # Powers of two: equal distances are equal bits. Anchor 0 has d_ap = 1, and negatives at 1.5, the hinge
    # itself, and at 1.25, twice.
    x = on_a_line(0.0, 1.0, -1.5, -1.25, -1.25)
    label = torch.tensor([0, 0, 1, 2, 3])
    leaf = x.clone().requires_grad_()
    loss = TripletMarginLoss(0.5, mining=mining, normalized=False)
    terms = loss(*batch(leaf, label, torch.ones(5)))
    torch.autograd.backward(terms.total)
    value, _ = naive(
        x, label, torch.ones(5), margin=0.5, mining=mining, reduction="active", hinge=True, normalized=False
    )
    assert terms.total.item() == value > 0
    assert leaf.grad is not None
    if mining == "batch_all":
        # Two triplets of anchor 0 with the loss 0.25; those of anchor 1 lie beyond the hinge.
        assert value == 0.25
        torch.testing.assert_close(leaf.grad, on_a_line(-1.0 - 1.0, 1.0, 0.0, 0.5, 0.5))


def test_equal_rows_have_finite_gradients() -> None:
    x = X[[0, 0, 1, 1, 0, 1]].clone().requires_grad_()
    for mining in MINED:
        terms = make(mining)(*batch(x, torch.tensor([0, 0, 1, 1, 1, 0]), torch.ones(6)))
        (gradient,) = torch.autograd.grad(terms.total, [x])
        assert bool(gradient.isfinite().all()) and terms.total.item() > 0


@pytest.mark.parametrize("margin", [0.2, "adaptive_rescaled"])
def test_the_hinge_bites(margin: TripletMargin) -> None:
    near = torch.tensor([[1.0, 0.0], [1.0, 0.05], [-1.0, 0.0], [-1.0, 0.05]]).double().requires_grad_()
    label = torch.tensor([0, 0, 1, 1])
    for mining in MINED:
        terms = make(mining, margin)(*batch(near, label, torch.ones(4)))
        assert terms.total.item() == 0.0 and terms.total.requires_grad
        (gradient,) = torch.autograd.grad(terms.total, [near])
        assert not gradient.any()
        unhinged = make(mining, margin, hinge=False)(*batch(near, label, torch.ones(4)))
        assert unhinged.total.item() < 0
    # A scale of a half asks for more than the longest distance: nothing is ever far enough.
    wide = TripletMarginLoss("adaptive_rescaled", margin_scale=0.5)(*batch(near, label, torch.ones(4)))
    assert wide.total.item() > 0


def slope(margin: TripletMargin, far: float, *, side: str) -> float:
    """Derivative of one triplet's loss with the distance of its negative or positive, along a line."""
    place = torch.tensor([[0.0], [far if side == "positive" else 0.5], [far if side == "negative" else 0.5]])
    place = place.double().requires_grad_()
    views = dict(zip(("anchor", "positive", "negative"), place.unbind()))
    views = {name: view.unsqueeze(0) for name, view in views.items()}
    loss = TripletMarginLoss(margin, mining="given", hinge=False, normalized=False)
    (gradient,) = torch.autograd.grad(loss(AffectOutput(views=views), Target()).total, [place])
    return float(gradient[1 if side == "positive" else 2])


def test_the_published_margin_pulls_negatives_in_and_pushes_positives_away() -> None:
    # The sheet's numbers weigh the negative by one half; see negative_distance.
    published = [slope("adaptive", far, side="negative") + 0.5 for far in (0.1, 0.5, 1.0, 1.4)]
    assert published == pytest.approx([-0.28, 0.58, 7.5, 39.0], rel=0.02)
    assert slope("adaptive", 0.1, side="positive") == pytest.approx(-4.4, abs=0.05)
    assert slope(0.2, 1.4, side="negative") == pytest.approx(-1.0)
    assert slope(0.2, 0.1, side="positive") == pytest.approx(1.0)


def test_the_rescaled_margin_passes_no_gradient() -> None:
    x = X.clone().requires_grad_()
    for mining in MINED:
        rescaled = make(mining, "adaptive_rescaled", hinge=False)(*batch(x)).total
        fixed = make(mining, 0.2, hinge=False)(*batch(x)).total
        ours, plain = torch.autograd.grad(rescaled, [x])[0], torch.autograd.grad(fixed, [x])[0]
        torch.testing.assert_close(2 * ours, plain, rtol=0, atol=1e-12)


def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


@pytest.mark.golden
def test_the_published_form_on_the_golden_batch() -> None:
    arrays = golden()
    views = {name: arrays[name] for name in ("anchor", "positive", "negative")}
    triplet = TripletMarginLoss(
        "adaptive", mining="given", hinge=False, reduction="mean", negative_distance="mean"
    )
    parts: dict[str, Loss] = {
        "triplet": triplet,
        "covariance": CovarianceLoss(views=tuple(views)),
        "variance": VarianceLoss(views=tuple(views)),
    }
    terms = WeightedSum(parts, {"triplet": 20.0, "covariance": 5.0, "variance": 1.0})(
        AffectOutput(views=views), Target(weight=torch.ones(6))
    )
    for name, stored in (
        ("triplet", "triplet_mean_no_hinge"),
        ("covariance", "covariance"),
        ("variance", "variance"),
    ):
        torch.testing.assert_close(terms.terms[name], arrays[stored], rtol=1e-5, atol=0)
    torch.testing.assert_close(terms.total, arrays["total_20_5_1"], rtol=1e-5, atol=0)
    rows = [
        triplet(
            AffectOutput(views={name: view[i : i + 1] for name, view in views.items()}), Target()
        ).total.item()
        for i in range(6)
    ]
    assert rows == pytest.approx(arrays["per_sample_no_hinge"].tolist(), rel=1e-5)
    # The hinge never closes on unit vectors, so both forms agree here.
    hinged = TripletMarginLoss("adaptive", mining="given", reduction="mean", negative_distance="mean")
    value = hinged(AffectOutput(views=views), Target()).total
    torch.testing.assert_close(value, arrays["per_sample_hinge"].mean(), rtol=1e-5, atol=0)


def test_given_triplets_are_rows_that_are_not_padding() -> None:
    views = {name: noise(4, 3, 5, seed=seed) for seed, name in enumerate(("anchor", "positive", "negative"))}
    weight = torch.ones(4, 3, dtype=torch.float64)
    weight[1, 2], weight[2] = 0.0, 2.0
    for reduction in ("active", "mean"):
        loss = TripletMarginLoss(0.3, mining="given", reduction=reduction, negative_distance="mean")
        terms = loss(AffectOutput(views=views), Target(weight=weight))
        total, active = 0.0, 0
        for i, j in product(range(4), range(3)):
            a, p, n = (F.normalize(view[i, j], dim=0) for view in views.values())
            far = (distance(a, n) + distance(p, n)) / 2
            value = max(0.0, distance(a, p) - far + 0.3)
            total += float(weight[i, j]) * value
            active += int(value > 0 and bool(weight[i, j] > 0))
        divisor = active if reduction == "active" else 11
        assert 0 < active < 11
        assert terms.total.item() == pytest.approx(total / divisor, abs=1e-12)
        assert float(terms.weight) == 11


def test_batch_hard_with_the_mean_of_both_negative_distances() -> None:
    terms = TripletMarginLoss(0.3, negative_distance="mean", hinge=False)(*batch(X))
    unit = F.normalize(X, dim=-1)
    rows = [i for i in range(12) if LABEL[i] >= 0 and WEIGHT[i] > 0]
    total, number = 0.0, 0
    for a in rows:
        positives = [p for p in rows if p != a and LABEL[p] == LABEL[a]]
        if not positives:
            continue
        p = max(positives, key=lambda row: distance(unit[a], unit[row]))
        n = min((row for row in rows if LABEL[row] != LABEL[a]), key=lambda row: distance(unit[a], unit[row]))
        far = (distance(unit[a], unit[n]) + distance(unit[p], unit[n])) / 2
        total += float(WEIGHT[a]) * (distance(unit[a], unit[p]) - far + 0.3)
        number += 1
    assert terms.total.item() == pytest.approx(total / number, abs=1e-12)


@pytest.mark.parametrize("margin", [0.3, "adaptive"])
@pytest.mark.parametrize("mining", MINED)
def test_gradcheck(mining: TripletMining, margin: TripletMargin) -> None:
    def total(x: Tensor) -> Tensor:
        value: LossTerms = make(mining, margin)(*batch(x))
        return value.total

    assert torch.autograd.gradcheck(total, (X.clone().requires_grad_(),))


@pytest.mark.parametrize("mining", MINED)
def test_rows_without_label_or_weight_reach_nothing(mining: TripletMining) -> None:
    x = X.clone().requires_grad_()
    gone = (LABEL < 0) | (WEIGHT == 0)
    terms = make(mining)(*batch(x + torch.where(gone, math.nan, 0.0).unsqueeze(1)))
    torch.autograd.backward(terms.total)
    assert terms.total.item() == make(mining)(*batch(X)).total.item()
    assert x.grad is not None and not x.grad[gone].any() and bool(x.grad.isfinite().all())


@pytest.mark.parametrize("mining", MINED)
@pytest.mark.parametrize("label", [[1, 1, 1], [0, 1, 2], [-100, -100, -100]])
def test_batches_without_triplets_are_a_zero_that_keeps_the_graph(
    mining: TripletMining, label: list[int]
) -> None:
    x = X[:3].clone().requires_grad_()
    terms = make(mining)(*batch(x, torch.tensor(label), torch.ones(3)))
    torch.autograd.backward(terms.total * terms.weight)
    assert (terms.total.item(), float(terms.weight)) == (0.0, 0.0)
    assert x.grad is not None and not x.grad.any()


@pytest.mark.parametrize("mining", MINED)
def test_half_precision_is_left_to_the_model(mining: TripletMining) -> None:
    x = X.float()
    expected = make(mining)(*batch(x)).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert make(mining)(*batch(x)).total.item() == expected.item()
    assert make(mining)(*batch(x.bfloat16())).total.dtype == torch.float32


@pytest.mark.parametrize(
    "options",
    [
        {"mining": "all"},
        {"reduction": "sum"},
        {"margin": -0.1},
        {"margin": "big"},
        {"margin": "adaptive_rescaled", "normalized": False},
        {"mining": "batch_all", "negative_distance": "mean"},
        {"mining": "given", "view": "audio"},
    ],
)
def test_refused_options_are_named(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"TripletMarginLoss got .*(give|use|leave)"):
        TripletMarginLoss(**options)  # type: ignore[arg-type]


def test_refused_input_is_named() -> None:
    with pytest.raises(ValueError, match="an output without embedding"):
        TripletMarginLoss()(AffectOutput(), Target(label=LABEL))
    with pytest.raises(ValueError, match=r"without views\['audio'\] \(its views: text\)"):
        TripletMarginLoss(view="audio")(AffectOutput(views={"text": X}), Target(label=LABEL))
    with pytest.raises(ValueError, match=r"\(12, 5\).*None"):
        TripletMarginLoss()(AffectOutput(embedding=X), Target())
    with pytest.raises(ValueError, match="three of one shape"):
        views = {"anchor": X, "positive": X, "negative": X[:3]}
        TripletMarginLoss(mining="given")(AffectOutput(views=views), Target())


def rank_gradient(
    mining: TripletMining, margin: TripletMargin, reduction: Reduction, split: tuple[int, ...]
) -> tuple[list[list[float]], float, float]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    x = X.clone().requires_grad_()
    loss = make(mining, margin, reduction=reduction)
    if mining == "given":
        views = {"anchor": x[rows], "positive": x.flip(0)[rows], "negative": x.roll(3, 0)[rows]}
        terms = loss(AffectOutput(views=views), Target(weight=WEIGHT[rows]))
    else:
        terms = loss(*batch(x[rows], LABEL[rows], WEIGHT[rows]))
    torch.autograd.backward(terms.total * terms.weight)
    assert x.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    gradient = distributed.all_reduce_sum(x.grad) / window
    value = distributed.all_reduce_sum(terms.total * terms.weight) / window
    return gradient.tolist(), float(value), float(window)


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(6, 6), (10, 2), (12, 0)])
@pytest.mark.parametrize(("margin", "reduction"), [(0.3, "active"), ("adaptive_rescaled", "mean")])
@pytest.mark.parametrize("mining", [*MINED, "given"])
def test_two_ranks_are_one_batch(
    run_ranks: RunRanks,
    mining: TripletMining,
    margin: TripletMargin,
    reduction: Reduction,
    split: tuple[int, int],
) -> None:
    expected, value, window = rank_gradient(mining, margin, reduction, (12,))
    assert value > 0
    for gradient, total, rows in run_ranks(rank_gradient, mining, margin, reduction, split):
        assert total == pytest.approx(value, abs=1e-12) and rows == window
        torch.testing.assert_close(torch.tensor(gradient), torch.tensor(expected), rtol=0, atol=1e-12)

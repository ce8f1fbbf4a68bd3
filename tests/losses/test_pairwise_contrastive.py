from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit import distributed
from affectkit.losses import PairwiseContrastiveLoss
from affectkit.types import AffectOutput, LossTerms, Target

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden" / "mpuc_pairwise_contrastive.npz"
Mode = Literal["infonce", "official"]
Positives = Literal["sample", "label"]
NAMES = ("audio", "text", "visual")
TAU = 0.3


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


VIEWS = {name: noise(8, 2, 5, seed=seed) for seed, name in enumerate(NAMES)}
PRESENT = {
    "audio.present": torch.tensor([True, True, False, True, True, False, True, False]),
    "visual.present": torch.tensor([True, False, True, True, True, False, True, False]),
}
LABEL = torch.tensor([0, 1, 0, 1, 1, 0, -100, 1])
WEIGHT = torch.tensor([1.0, 1.0, 1.0, 2.0, 0.0, 1.0, 1.0, 1.0], dtype=torch.float64)


def run(
    views: dict[str, Tensor],
    *,
    mode: Mode = "infonce",
    positives: Positives = "sample",
    label: Tensor | None = LABEL,
    weight: Tensor | None = WEIGHT,
) -> LossTerms:
    loss = PairwiseContrastiveLoss(NAMES, mode=mode, positives=positives, temperature=TAU)
    terms: LossTerms = loss(AffectOutput(views=views), Target(label=label, weight=weight))
    return terms


def one_way(
    a: Tensor, c: Tensor, i: int, rows: list[int], label: list[int], *, mode: Mode, positives: Positives
) -> float:
    """Loss of row i of modality a among ``rows`` of c, logarithm by logarithm."""
    num_views = a.shape[1]
    right = [p for p in rows if (label[p] == label[i] if positives == "label" else p == i)]
    total = 0.0
    for v in range(num_views):
        score = {(k, w): float(a[i, v] @ c[k, w]) / TAU for k in rows for w in range(num_views)}
        if mode == "official":
            del score[i, v]
            whole = math.log(sum(math.exp(value) for value in score.values()))
            logs = [score[p, w] - whole for p in right for w in range(num_views) if (p, w) in score]
            total -= TAU / 0.07 * sum(logs) / (len(logs) + 1) / num_views
        else:
            for w in range(num_views):
                whole = math.log(sum(math.exp(score[k, w]) for k in rows))
                total -= sum(score[p, w] - whole for p in right) / len(right) / num_views**2
    return total


def naive(
    views: dict[str, Tensor], present: dict[str, Tensor], *, mode: Mode, positives: Positives
) -> tuple[float, int]:
    unit = {name: F.normalize(views[name], dim=-1) for name in NAMES}
    label = LABEL.tolist()
    real = [bool(WEIGHT[i] > 0) and (positives == "sample" or label[i] >= 0) for i in range(8)]
    has = {
        name: [real[i] and bool(present.get(f"{name}.present", torch.ones(8))[i]) for i in range(8)]
        for name in NAMES
    }
    total, counted = 0.0, 0
    for i in range(8):
        found = []
        for first, second in combinations(NAMES, 2):
            rows = [k for k in range(8) if has[first][k] and has[second][k]]
            if i in rows:
                ways = [
                    one_way(unit[a], unit[c], i, rows, label, mode=mode, positives=positives)
                    for a, c in ((first, second), (second, first))
                ]
                found.append(sum(ways) / 2)
        if found:
            total += float(WEIGHT[i]) * sum(found) / len(found)
            counted += 1
    return total / counted, counted


@pytest.mark.parametrize("present", [{}, PRESENT], ids=["all", "some"])
@pytest.mark.parametrize("positives", ["sample", "label"])
@pytest.mark.parametrize("mode", ["infonce", "official"])
def test_it_equals_a_loop_over_pairs(mode: Mode, positives: Positives, present: dict[str, Tensor]) -> None:
    terms = run({**VIEWS, **present}, mode=mode, positives=positives)
    value, counted = naive(VIEWS, present, mode=mode, positives=positives)
    assert terms.total.item() == pytest.approx(value, abs=1e-12)
    assert float(terms.weight) == counted > 3


@pytest.mark.golden
def test_the_official_form_on_the_golden_batch() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    views = {name: arrays[name] for name in ("mod0", "mod1", "mod2")}
    whole = PairwiseContrastiveLoss(list(views), mode="official")
    total: LossTerms = whole(AffectOutput(views=views), Target())
    torch.testing.assert_close(total.total, arrays["loss_mean_over_ordered_pairs"], rtol=1e-6, atol=0)
    for first, second in combinations(range(3), 2):
        pair = PairwiseContrastiveLoss(list(views), mode="official", pairs=[[f"mod{first}", f"mod{second}"]])
        value: LossTerms = pair(AffectOutput(views=views), Target())
        both = (arrays[f"pair_{first}_{second}"] + arrays[f"pair_{second}_{first}"]) / 2
        torch.testing.assert_close(value.total, both, rtol=1e-6, atol=0)
    clean = PairwiseContrastiveLoss(["mod0", "mod1"])
    first_view = {name: view[:, 0] for name, view in views.items()}
    value = clean(AffectOutput(views=first_view), Target())
    expected = arrays["reference_symmetric_infonce_view0_0_1"]
    torch.testing.assert_close(value.total, expected, rtol=1e-5, atol=0)


@pytest.mark.golden
def test_the_supervised_official_form_on_the_golden_batch() -> None:
    from affectkit.functional import cross_view_official_rows

    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    label = arrays["labels"]
    rows = cross_view_official_rows(
        arrays["mod0"],
        arrays["mod1"],
        label.unsqueeze(1) == label,
        torch.ones(5, dtype=torch.bool),
        torch.arange(5),
        temperature=0.07,
    )
    torch.testing.assert_close(rows.mean(), arrays["supervised_pair_0_1"], rtol=1e-6, atol=0)


def test_both_forms_are_zero_where_every_row_is_itself() -> None:
    eye = torch.eye(4, dtype=torch.float64).unsqueeze(1).expand(4, 2, 4)
    for mode in ("infonce", "official"):
        loss = PairwiseContrastiveLoss(NAMES, mode=mode, temperature=0.01)
        terms: LossTerms = loss(AffectOutput(views=dict.fromkeys(NAMES, eye)), Target())
        assert terms.total.item() == pytest.approx(0.0, abs=1e-12)


def test_absent_modalities_reach_nothing() -> None:
    leaves = {name: view.clone().requires_grad_() for name, view in VIEWS.items()}
    spoiled = dict(leaves)
    for name in ("audio", "visual"):
        gone = ~PRESENT[f"{name}.present"] | (WEIGHT == 0)
        spoiled[name] = leaves[name] + torch.where(gone, math.nan, 0.0)[:, None, None]
    for mode in ("infonce", "official"):
        clean = run({**VIEWS, **PRESENT}, mode=mode)
        terms = run({**spoiled, **PRESENT}, mode=mode)
        gradients = torch.autograd.grad(terms.total, list(leaves.values()))
        assert terms.total.item() == clean.total.item()
        for name, gradient in zip(leaves, gradients):
            flag = PRESENT.get(f"{name}.present", torch.ones(8, dtype=torch.bool))
            assert bool(gradient.isfinite().all()) and not gradient[~flag | (WEIGHT == 0)].any()
            # Rows 5 and 7 have text alone: nothing to be compared with.
            assert not gradient[[5, 7]].any() and bool(gradient[[0, 3]].any(-1).all())


@pytest.mark.parametrize("mode", ["infonce", "official"])
def test_the_rest_of_the_batch_is_the_batch(mode: Mode) -> None:
    kept = torch.tensor([0, 1, 3, 6])
    weight = torch.zeros(8).index_fill(0, kept, 1.0)
    part = run({name: view[kept] for name, view in VIEWS.items()}, mode=mode, weight=None, label=None)
    assert run(VIEWS, mode=mode, weight=weight).total.item() == pytest.approx(part.total.item(), abs=1e-12)


def test_rows_of_conversations_and_single_views() -> None:
    flat = run({name: view[:, 0] for name, view in VIEWS.items()})
    talk = run(
        {name: view[:, 0].reshape(2, 4, 5) for name, view in VIEWS.items()},
        label=LABEL.reshape(2, 4),
        weight=WEIGHT.reshape(2, 4),
    )
    assert talk.total.item() == flat.total.item()
    flags = {name: flag.reshape(2, 4) for name, flag in PRESENT.items()}
    views = {name: view[:, 0].reshape(2, 4, 5) for name, view in VIEWS.items()}
    apart = run({**views, **flags}, label=None, weight=None)
    single = run({**{name: view[:, 0] for name, view in VIEWS.items()}, **PRESENT}, label=None, weight=None)
    assert apart.total.item() == single.total.item()
    doubled = run({name: view[:, :1].expand(-1, 2, -1) for name, view in VIEWS.items()})
    assert doubled.total.item() == pytest.approx(flat.total.item(), abs=1e-12)


def test_pairs_may_be_chosen_and_the_order_of_names_means_nothing() -> None:
    output, target = AffectOutput(views={**VIEWS, **PRESENT}), Target(weight=WEIGHT)
    chosen = PairwiseContrastiveLoss(NAMES, pairs=[("text", "audio")], temperature=TAU)
    two = PairwiseContrastiveLoss(["text", "audio"], temperature=TAU)
    assert chosen(output, target).total.item() == two(output, target).total.item()
    turned = PairwiseContrastiveLoss(NAMES[::-1], temperature=TAU)
    assert turned(output, target).total.item() == run({**VIEWS, **PRESENT}).total.item()


def test_the_temperature_is_learnt() -> None:
    loss = PairwiseContrastiveLoss(NAMES, temperature=TAU, learnable=True)
    terms: LossTerms = loss(AffectOutput(views=VIEWS), Target(weight=WEIGHT))
    assert terms.total.item() == pytest.approx(run(VIEWS).total.item(), abs=1e-6)
    torch.autograd.backward(terms.total)
    (scale,) = loss.parameters()
    assert scale.grad is not None and bool(scale.grad != 0)


@pytest.mark.parametrize("mode", ["infonce", "official"])
def test_gradcheck(mode: Mode) -> None:
    def total(*views: Tensor) -> Tensor:
        return run({**dict(zip(NAMES, views)), **PRESENT}, mode=mode, positives="label").total

    assert torch.autograd.gradcheck(total, tuple(VIEWS[name].clone().requires_grad_() for name in NAMES))


@pytest.mark.parametrize("mode", ["infonce", "official"])
def test_a_batch_without_pairs_is_a_zero_that_keeps_the_graph(mode: Mode) -> None:
    leaves = [VIEWS[name].clone().requires_grad_() for name in NAMES]
    flags = {f"{name}.present": torch.zeros(8, dtype=torch.bool) for name in ("audio", "visual")}
    terms = run({**dict(zip(NAMES, leaves)), **flags}, mode=mode)
    assert (terms.total.item(), float(terms.weight)) == (0.0, 0.0)
    for gradient in torch.autograd.grad(terms.total, leaves):
        assert not gradient.any()


def test_half_precision_is_left_to_the_model() -> None:
    views = {name: view.float() for name, view in VIEWS.items()}
    expected = run(views).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert run(views).total.item() == expected.item()


def test_refusals() -> None:
    for options in ({"mode": "clip"}, {"positives": "all"}, {"temperature": 0.0}, {"pairs": [["a", "x"]]}):
        with pytest.raises(ValueError, match=r"PairwiseContrastiveLoss got .*(use|give)"):
            PairwiseContrastiveLoss(["a", "b"], **options)
    with pytest.raises(ValueError, match="two modalities or more"):
        PairwiseContrastiveLoss(["a"])
    with pytest.raises(ValueError, match="learnable=True"):
        PairwiseContrastiveLoss(["a", "b"], mode="official", learnable=True)
    with pytest.raises(ValueError, match=r"without views\['visual'\]"):
        run({name: VIEWS[name] for name in ("audio", "text")})
    with pytest.raises(ValueError, match="audio \\(2, 5\\), text \\(2, 4\\)"):
        run({**VIEWS, "text": VIEWS["text"][..., :4]})
    with pytest.raises(ValueError, match=r"audio.present'\] of shape \(3,\)"):
        run({**VIEWS, "audio.present": torch.ones(3)})
    with pytest.raises(ValueError, match="for rows of shape"):
        run({**VIEWS, "audio": VIEWS["audio"][:3]})
    with pytest.raises(ValueError, match="one view of each row with mode='official'"):
        run({name: view[:, 0] for name, view in VIEWS.items()}, mode="official")
    with pytest.raises(ValueError, match="target without label"):
        run(VIEWS, positives="label", label=None)


def rank_gradient(
    mode: Mode, positives: Positives, split: tuple[int, ...]
) -> tuple[list[list[float]], float]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    leaf = torch.stack([VIEWS[name] for name in NAMES]).requires_grad_()
    views = {name: leaf[number][rows] for number, name in enumerate(NAMES)}
    flags = {name: flag[rows] for name, flag in PRESENT.items()}
    terms = run({**views, **flags}, mode=mode, positives=positives, label=LABEL[rows], weight=WEIGHT[rows])
    torch.autograd.backward(terms.total * terms.weight)
    assert leaf.grad is not None
    window = distributed.all_reduce_sum(terms.weight)
    gradient = distributed.all_reduce_sum(leaf.grad) / window
    value = distributed.all_reduce_sum(terms.total * terms.weight) / window
    return gradient.flatten(1).tolist(), float(value)


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(4, 4), (7, 1), (8, 0)])
@pytest.mark.parametrize(("mode", "positives"), [("infonce", "sample"), ("official", "label")])
def test_two_ranks_are_one_batch(
    run_ranks: RunRanks, mode: Mode, positives: Positives, split: tuple[int, int]
) -> None:
    expected, value = rank_gradient(mode, positives, (8,))
    for gradient, total in run_ranks(rank_gradient, mode, positives, split):
        assert total == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(torch.tensor(gradient), torch.tensor(expected), rtol=0, atol=1e-12)

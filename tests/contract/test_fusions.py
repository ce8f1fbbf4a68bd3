"""What every fusion keeps when modalities are missing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from affectkit.catalog import COMPONENTS
from affectkit.fusion import (
    AttentionalSelectiveFusion,
    AttentionWeightFusion,
    ConcatAttentionFusion,
    ConcatFusion,
    CrossAttentionFusion,
    FeatureTokenAttention,
    FusionAttention,
    GatedFusion,
    LeaderFollowerFusion,
    LowRankTensorFusion,
    MeanFusion,
    ModalityDropout,
    ModalityExpertFusion,
    SumFusion,
)
from affectkit.types import Encoding, Fusion

WIDTHS = {"visual": 5, "text": 6, "audio": 4}
TWO_VIEWS = {"audio": 4, "visual": 4}

FACTORIES: dict[str, Callable[[], Fusion]] = {
    "AttentionWeightFusion": lambda: AttentionWeightFusion(WIDTHS, 16),
    "AttentionalSelectiveFusion": lambda: AttentionalSelectiveFusion(TWO_VIEWS, reduction=2),
    "ConcatAttentionFusion": lambda: ConcatAttentionFusion(WIDTHS, 5),
    "ConcatFusion": lambda: ConcatFusion(WIDTHS, out_dim=7),
    "CrossAttentionFusion": lambda: CrossAttentionFusion(WIDTHS, 8, num_heads=2),
    "FeatureTokenAttention": lambda: FeatureTokenAttention(WIDTHS, 8, num_heads=2, num_layers=2),
    "FusionAttention": lambda: FusionAttention(WIDTHS, 8, num_heads=2, num_layers=2),
    "GatedFusion": lambda: GatedFusion(WIDTHS, 7),
    "LeaderFollowerFusion": lambda: LeaderFollowerFusion(WIDTHS, leader_dim=5, follower_dim=4),
    "LowRankTensorFusion": lambda: LowRankTensorFusion(WIDTHS, 7, rank=3),
    "MeanFusion": lambda: MeanFusion(WIDTHS, out_dim=7),
    "ModalityDropout": lambda: ModalityDropout(GatedFusion(WIDTHS, 7), rate=0.9),
    "ModalityExpertFusion": lambda: ModalityExpertFusion(WIDTHS, 7, num_experts=3, rank=2),
    "SumFusion": lambda: SumFusion(WIDTHS, out_dim=7),
}
#: Further settings of the same components.
VARIANTS: dict[str, Callable[[], Fusion]] = {
    "AttentionWeightFusion, none": lambda: AttentionWeightFusion(WIDTHS, 16, normalize="none"),
    "AttentionalSelectiveFusion, layer": lambda: AttentionalSelectiveFusion(
        TWO_VIEWS, reduction=1, norm="layer", gate="raw", gated="visual"
    ),
    "AttentionalSelectiveFusion, outer": lambda: AttentionalSelectiveFusion(
        TWO_VIEWS, reduction=1, norm="layer", inner_sigmoid=False
    ),
    "FusionAttention, key": lambda: FusionAttention(
        WIDTHS, 8, trunk="audio", num_heads=2, value_from="key", context="both"
    ),
}
CASES = {**FACTORIES, **VARIANTS}
#: In training they are random, or rows influence each other.
IN_EVALUATION = {"AttentionalSelectiveFusion", "ModalityDropout"}


def widths_of(name: str) -> dict[str, int]:
    return TWO_VIEWS if name.startswith("AttentionalSelective") else WIDTHS


CASES_AND_SUBSETS = [
    (name, subset)
    for name in CASES
    for size in (1, 2, 3)
    for subset in combinations(sorted(widths_of(name)), size)
]


def build(name: str) -> Fusion:
    torch.manual_seed(0)
    fusion = CASES[name]()
    assert isinstance(fusion, nn.Module)
    fusion.train(name not in IN_EVALUATION)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.1)  # so that what starts at zero is seen too
    return fusion


def batch(rows: tuple[int, ...], name: str) -> tuple[dict[str, Encoding], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    widths = widths_of(name)
    parts = {key: Encoding(torch.randn(*rows, width, generator=generator)) for key, width in widths.items()}
    present = {key: torch.rand(rows, generator=generator) < 0.6 for key in widths}
    return parts, present


def test_every_fusion_of_the_catalogue_is_here() -> None:
    assert set(FACTORIES) == {row.name for row in COMPONENTS if row.kind == "fusion"}


@pytest.mark.parametrize("rows", [(1,), (3,), (2, 4)])
@pytest.mark.parametrize(("name", "subset"), CASES_AND_SUBSETS)
def test_any_subset_gives_the_same_shape(name: str, rows: tuple[int, ...], subset: tuple[str, ...]) -> None:
    fusion = build(name)
    parts, _ = batch(rows, name)
    given = fusion({key: parts[key] for key in subset})
    assert given.pooled.shape == (*rows, fusion.out_dim) and bool(given.pooled.isfinite().all())
    # Left out of the mapping, or marked absent in every row: the same thing.
    flags = {key: torch.full(rows, key in subset) for key in parts}
    torch.testing.assert_close(fusion(parts, flags).pooled, given.pooled, rtol=0, atol=0)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rows", [(8,), (3, 4)])
def test_what_an_absent_row_holds_has_no_influence(name: str, rows: tuple[int, ...]) -> None:
    fusion = build(name)
    parts, present = batch(rows, name)
    expected = fusion(parts, present).pooled
    disturbed: dict[str, Encoding] = {}
    for key, part in parts.items():
        pooled = part.pooled.masked_fill(~present[key].unsqueeze(-1), float("nan")).requires_grad_()
        disturbed[key] = Encoding(pooled)
    result = fusion(disturbed, present).pooled
    torch.testing.assert_close(result, expected, rtol=0, atol=0)

    torch.autograd.backward(result.square().sum())
    assert isinstance(fusion, nn.Module)
    for parameter in fusion.parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all())
    for key, part in disturbed.items():
        assert part.pooled.grad is not None and not part.pooled.grad[~present[key]].any()
        assert bool(part.pooled.grad[present[key]].any(-1).all())


@pytest.mark.parametrize("name", CASES)
def test_presence_itself_is_seen(name: str) -> None:
    # A present row of zeros is not an absent row.
    fusion = build(name)
    parts, _ = batch((5,), name)
    parts["audio"] = Encoding(torch.zeros(5, 4))
    absent = {"audio": torch.zeros(5, dtype=torch.bool)}
    assert not torch.allclose(fusion(parts).pooled, fusion(parts, absent).pooled)


@pytest.mark.parametrize("name", CASES)
def test_a_row_without_any_modality_is_finite(name: str) -> None:
    fusion = build(name)
    parts, _ = batch((2,), name)
    result = fusion(parts, {key: torch.tensor([False, True]) for key in parts})
    assert bool(result.pooled.isfinite().all())
    torch.testing.assert_close(result.pooled[1], fusion(parts).pooled[1])


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_a_mapping_does_not_matter(name: str) -> None:
    parts, present = batch((3,), name)
    fusion = build(name)
    turned = dict(reversed(parts.items()))
    assert torch.equal(fusion(parts, present).pooled, fusion(turned, present).pooled)


@pytest.mark.parametrize("name", CASES)
def test_rows_do_not_influence_each_other(name: str) -> None:
    fusion = build(name)
    parts, present = batch((6,), name)
    together = fusion(parts, present).pooled
    for row in range(6):
        one = slice(row, row + 1)
        alone = fusion(
            {key: Encoding(part.pooled[one]) for key, part in parts.items()},
            {key: flag[one] for key, flag in present.items()},
        )
        torch.testing.assert_close(alone.pooled[0], together[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_mask_of_a_conversation_is_passed_on(name: str) -> None:
    fusion = build(name)
    parts, _ = batch((2, 4), name)
    mask = torch.tensor([[True] * 4, [True, False, False, False]])
    masked = {key: part._replace(mask=mask) for key, part in parts.items()}
    result = fusion(masked).mask
    assert result is not None and torch.equal(result, mask)
    assert fusion(parts).mask is None


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused(name: str) -> None:
    fusion = build(name)
    parts, _ = batch((3,), name)
    with pytest.raises(ValueError, match="got no modality at all"):
        fusion({})
    with pytest.raises(ValueError, match=r"got \['smell'\]"):
        fusion({**parts, "smell": parts["audio"]})
    with pytest.raises(ValueError, match=r"set in_dims\['audio'\]"):
        fusion({**parts, "audio": Encoding(torch.zeros(3, 9))})
    with pytest.raises(ValueError, match="expects 'visual' of shape"):
        fusion({**parts, "visual": Encoding(torch.zeros(2, widths_of(name)["visual"]))})
    with pytest.raises(ValueError, match=r"one flag for each row, \(3,\)"):
        fusion(parts, {"visual": torch.ones(2, dtype=torch.bool)})

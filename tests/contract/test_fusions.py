"""What every fusion keeps when modalities are missing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from affectkit.catalog import COMPONENTS
from affectkit.fusion import ConcatFusion, GatedFusion, MeanFusion, SumFusion
from affectkit.types import Encoding, Fusion

WIDTHS = {"visual": 5, "text": 6, "audio": 4}
SUBSETS = [subset for size in (1, 2, 3) for subset in combinations(sorted(WIDTHS), size)]

FACTORIES: dict[str, Callable[[], Fusion]] = {
    "ConcatFusion": lambda: ConcatFusion(WIDTHS, out_dim=7),
    "GatedFusion": lambda: GatedFusion(WIDTHS, 7),
    "MeanFusion": lambda: MeanFusion(WIDTHS, out_dim=7),
    "SumFusion": lambda: SumFusion(WIDTHS, out_dim=7),
}


def build(name: str) -> Fusion:
    torch.manual_seed(0)
    fusion = FACTORIES[name]()
    assert isinstance(fusion, nn.Module)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.1)  # so that what starts at zero is seen too
    return fusion


def batch(rows: tuple[int, ...]) -> tuple[dict[str, Encoding], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    parts = {name: Encoding(torch.randn(*rows, width, generator=generator)) for name, width in WIDTHS.items()}
    present = {name: torch.rand(rows, generator=generator) < 0.6 for name in WIDTHS}
    return parts, present


def test_every_fusion_of_the_catalogue_is_here() -> None:
    assert set(FACTORIES) == {row.name for row in COMPONENTS if row.kind == "fusion"}


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("rows", [(1,), (3,), (2, 4)])
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_any_subset_gives_the_same_shape(name: str, rows: tuple[int, ...], subset: tuple[str, ...]) -> None:
    fusion = build(name)
    parts, _ = batch(rows)
    given = fusion({key: parts[key] for key in subset})
    assert given.pooled.shape == (*rows, fusion.out_dim) and bool(given.pooled.isfinite().all())
    # Left out of the mapping, or marked absent in every row: the same thing.
    flags = {key: torch.full(rows, key in subset) for key in WIDTHS}
    torch.testing.assert_close(fusion(parts, flags).pooled, given.pooled, rtol=0, atol=0)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("rows", [(8,), (3, 4)])
def test_what_an_absent_row_holds_has_no_influence(name: str, rows: tuple[int, ...]) -> None:
    fusion = build(name)
    parts, present = batch(rows)
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


@pytest.mark.parametrize("name", FACTORIES)
def test_presence_itself_is_seen(name: str) -> None:
    # A present row of zeros is not an absent row.
    fusion = build(name)
    parts = {key: Encoding(torch.zeros(1, width)) for key, width in WIDTHS.items()}
    absent = {"audio": torch.tensor([False])}
    assert not torch.allclose(fusion(parts).pooled, fusion(parts, absent).pooled)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_row_without_any_modality_is_finite(name: str) -> None:
    fusion = build(name)
    parts, _ = batch((2,))
    result = fusion(parts, {key: torch.tensor([False, True]) for key in WIDTHS})
    assert bool(result.pooled.isfinite().all())
    torch.testing.assert_close(result.pooled[1], fusion(parts).pooled[1])


@pytest.mark.parametrize("name", FACTORIES)
def test_the_order_of_a_mapping_does_not_matter(name: str) -> None:
    parts, present = batch((3,))
    fusion = build(name)
    turned = dict(reversed(parts.items()))
    assert torch.equal(fusion(parts, present).pooled, fusion(turned, present).pooled)


@pytest.mark.parametrize("name", FACTORIES)
def test_rows_do_not_influence_each_other(name: str) -> None:
    fusion = build(name)
    parts, present = batch((6,))
    together = fusion(parts, present).pooled
    for row in range(6):
        one = slice(row, row + 1)
        alone = fusion(
            {key: Encoding(part.pooled[one]) for key, part in parts.items()},
            {key: flag[one] for key, flag in present.items()},
        )
        torch.testing.assert_close(alone.pooled[0], together[row], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FACTORIES)
def test_the_mask_of_a_conversation_is_passed_on(name: str) -> None:
    fusion = build(name)
    parts, _ = batch((2, 4))
    mask = torch.tensor([[True] * 4, [True, False, False, False]])
    masked = {key: part._replace(mask=mask) for key, part in parts.items()}
    result = fusion(masked).mask
    assert result is not None and torch.equal(result, mask)
    assert fusion(parts).mask is None


@pytest.mark.parametrize("name", FACTORIES)
def test_bad_input_is_refused(name: str) -> None:
    fusion = build(name)
    parts, _ = batch((3,))
    with pytest.raises(ValueError, match="got no modality at all"):
        fusion({})
    with pytest.raises(ValueError, match=r"got \['smell'\]"):
        fusion({**parts, "smell": parts["text"]})
    with pytest.raises(ValueError, match=r"set in_dims\['audio'\]"):
        fusion({**parts, "audio": Encoding(torch.zeros(3, 9))})
    with pytest.raises(ValueError, match="expects 'text' of shape"):
        fusion({**parts, "text": Encoding(torch.zeros(2, 6))})
    with pytest.raises(ValueError, match=r"one flag for each row, \(3,\)"):
        fusion(parts, {"text": torch.ones(2, dtype=torch.bool)})

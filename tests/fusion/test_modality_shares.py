"""Shares that a fusion gives, whatever stands around it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from affectkit.fusion import (
    AttentionWeightFusion,
    ConcatFusion,
    GatedFusion,
    ModalityDropout,
    ModalityExpertFusion,
    modality_shares,
)
from affectkit.types import Encoding, Fusion

WIDTHS = {"text": 4, "audio": 3}
FUSIONS: dict[str, Callable[[], Fusion]] = {
    "gated": lambda: GatedFusion(WIDTHS, 8),
    "attention weight": lambda: AttentionWeightFusion(WIDTHS, 8),
    "experts": lambda: ModalityExpertFusion(WIDTHS, 8),
    "in dropout": lambda: ModalityDropout(GatedFusion(WIDTHS, 8), rate=0.9),
}


@pytest.mark.parametrize("name", FUSIONS)
def test_shares_sum_to_one_over_what_is_there(name: str) -> None:
    torch.manual_seed(0)
    read = modality_shares(FUSIONS[name]())
    assert read is not None
    parts = {key: Encoding(torch.randn(5, 6, width)) for key, width in WIDTHS.items()}
    present = {key: torch.rand(5, 6) < 0.6 for key in WIDTHS}
    shares = read(parts, present)
    assert set(shares) == set(WIDTHS)
    some = present["text"] | present["audio"]
    torch.testing.assert_close(shares["text"] + shares["audio"], some.float())
    for key, share in shares.items():
        assert bool((share >= 0).all()) and not share[~present[key]].any()
        assert bool((share[present[key]] > 0).all())


@pytest.mark.parametrize(
    "fusion", [ConcatFusion(WIDTHS), AttentionWeightFusion(WIDTHS, 8, normalize="none"), None]
)
def test_what_shares_nothing_out_has_none(fusion: Fusion | None) -> None:
    assert modality_shares(fusion) is None

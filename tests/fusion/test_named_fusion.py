from __future__ import annotations

from typing import get_args

import pytest
import torch

from affectkit.catalog import COMPONENTS
from affectkit.fusion import FusionName, ModalityDropout, named_fusion
from affectkit.types import Encoding

WIDTHS = {"text": 8, "visual": 8}


@pytest.mark.parametrize("name", get_args(FusionName))
def test_every_name_builds_a_fusion(name: str) -> None:
    fusion = named_fusion(name, WIDTHS, 8, context="both")
    assert isinstance(fusion, torch.nn.Module)
    fusion.eval()
    pooled = fusion({"text": Encoding(torch.ones(2, 8))}).pooled
    assert pooled.shape == (2, fusion.out_dim)


def test_every_fusion_of_the_catalogue_has_a_name() -> None:
    built = {type(named_fusion(name, WIDTHS, 8)).__name__ for name in get_args(FusionName)}
    assert built | {ModalityDropout.__name__} == {row.name for row in COMPONENTS if row.kind == "fusion"}


def test_options_reach_the_fusion_and_win() -> None:
    fusion = named_fusion(
        "fusion_attention",
        WIDTHS,
        8,
        context="both",
        dropout=0.3,
        options={"trunk": "visual", "context": "past", "num_layers": 2},
    )
    assert fusion.trunk == "visual" and fusion.context == "past"  # type: ignore[attr-defined]
    assert len(fusion.layers) == 2 and fusion.dropout.p == 0.3  # type: ignore[attr-defined]


def test_what_is_unknown_is_named() -> None:
    with pytest.raises(ValueError, match="no fusion 'product': the names are attention_weight"):
        named_fusion("product", WIDTHS, 8)
    with pytest.raises(ValueError, match="'gated' has no option 'rank': it has out_dim, dropout"):
        named_fusion("gated", WIDTHS, 8, options={"rank": 2})

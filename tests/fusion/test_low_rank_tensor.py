from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.fusion import LowRankTensorFusion
from affectkit.types import Encoding

WIDTHS = {"visual": 2, "audio": 3, "text": 4}


def test_it_equals_a_linear_layer_on_the_full_tensor() -> None:
    torch.manual_seed(0)
    fusion = LowRankTensorFusion(WIDTHS, 5, rank=3).double()
    with torch.no_grad():
        fusion.bias.normal_()
        for absent in fusion.absent:
            absent.normal_()
    parts = {name: Encoding(torch.randn(4, width, dtype=torch.float64)) for name, width in WIDTHS.items()}
    present = {
        "audio": torch.tensor([True, False, True, False]),
        "text": torch.tensor([True, True, False, False]),
    }
    result = fusion(parts, present).pooled
    a, t, v = fusion.factors
    # Weight of the outer product of [audio; 1], [text; 1] and [visual; 1].
    weight = torch.einsum("r,rio,rjo,rko->ijko", fusion.rank_weight, a, t, v)
    one = torch.ones(1, dtype=torch.float64)
    for row in range(4):

        def padded(name: str, place: int, row: int = row) -> Tensor:
            there = name not in present or bool(present[name][row])
            return torch.cat([parts[name].pooled[row] if there else fusion.absent[place], one])

        audio, text, visual = (padded(name, place) for place, name in enumerate(sorted(WIDTHS)))
        tensor = torch.einsum("i,j,k->ijk", audio, text, visual)
        torch.testing.assert_close(result[row], torch.einsum("ijk,ijko->o", tensor, weight) + fusion.bias)


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="rank=0"):
        LowRankTensorFusion(WIDTHS, 5, rank=0)

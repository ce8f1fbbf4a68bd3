from __future__ import annotations

import pytest
import torch

from affectkit.fusion import LeaderFollowerFusion
from affectkit.types import Encoding

WIDTHS = {"visual": 5, "audio": 3, "text": 4}


def test_it_equals_the_formula_row_by_row() -> None:
    torch.manual_seed(0)
    fusion = LeaderFollowerFusion(WIDTHS, leader_dim=6, follower_dim=2).double()
    with torch.no_grad():
        for absent in (*fusion.absent, fusion.absent_leader):
            absent.normal_()
    parts = {name: Encoding(torch.randn(4, width, dtype=torch.float64)) for name, width in WIDTHS.items()}
    present = {
        "visual": torch.tensor([True, True, False, False]),
        "audio": torch.tensor([True, False, True, False]),
        "text": torch.tensor([True, True, True, False]),
    }
    result = fusion(parts, present).pooled
    names = sorted(WIDTHS)
    for row in range(4):
        here = [place for place, name in enumerate(names) if bool(present[name][row])]

        def each(layers: torch.nn.ModuleList, places: list[int], row: int = row) -> torch.Tensor:
            return torch.stack([layers[place](parts[names[place]].pooled[row]) for place in places])

        followers = list(fusion.absent)
        if here:
            query, key, value = (
                each(layers, here) for layers in (fusion.queries, fusion.keys, fusion.values)
            )
            shares = torch.softmax(key @ query.T / 2**0.5, dim=1)
            rows = fusion.norm(shares @ value + value)
            for number, place in enumerate(here):
                followers[place] = rows[number]
        leads = bool(present["visual"][row])
        lead = fusion.lead(parts["visual"].pooled[row]) if leads else fusion.absent_leader
        torch.testing.assert_close(result[row], torch.cat([lead, *followers]))
    assert fusion.out_dim == 6 + 3 * 2


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="leader='face', which is none of its modalities: name one of audio"):
        LeaderFollowerFusion(WIDTHS, leader="face")
    with pytest.raises(ValueError, match="follower_dim=0"):
        LeaderFollowerFusion(WIDTHS, follower_dim=0)

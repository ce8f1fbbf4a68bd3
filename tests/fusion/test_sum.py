from __future__ import annotations

import pytest
import torch

from affectkit.fusion import SumFusion
from affectkit.types import Encoding

FACE = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
CONTEXT = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))


def test_projected_parts_are_added_and_the_absent_replaced() -> None:
    torch.manual_seed(0)
    fusion = SumFusion({"face": 4, "context": 2}, out_dim=5)
    with torch.no_grad():
        fusion.absent[0].fill_(7.0)  # that of "context": ordered by name
    present = {"context": torch.tensor([True, False, True])}
    result = fusion({"face": Encoding(FACE), "context": Encoding(CONTEXT)}, present).pooled
    context, face = fusion.projections
    for row in range(3):
        other = context(CONTEXT[row]) if row != 1 else torch.full((5,), 7.0)
        torch.testing.assert_close(result[row], face(FACE[row]) + other)


def test_without_layers_it_is_the_plain_sum() -> None:
    fusion = SumFusion({"face": 2, "context": 2})
    assert fusion.out_dim == 2
    parts = {"face": Encoding(FACE[:, :2]), "context": Encoding(CONTEXT)}
    torch.testing.assert_close(fusion(parts).pooled, FACE[:, :2] + CONTEXT)
    with pytest.raises(ValueError, match="give out_dim"):
        SumFusion({"face": 4, "context": 2})

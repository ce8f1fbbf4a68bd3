from __future__ import annotations

import pytest
import torch

from affectkit.encoders import IdentityEncoder


def test_features_pass_with_the_mask_of_a_conversation() -> None:
    x, mask = torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    encoding = IdentityEncoder(4)(x, mask)
    assert encoding.pooled is x and encoding.mask is mask
    assert IdentityEncoder(4)(x[:, 0], mask).mask is None


def test_another_width_is_named() -> None:
    with pytest.raises(ValueError, match="width 4 got features of width 3"):
        IdentityEncoder(4)(torch.zeros(2, 3))

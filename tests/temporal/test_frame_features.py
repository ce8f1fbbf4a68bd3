from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.temporal import frame_features
from affectkit.types import Encoding


def test_every_frame_goes_through_one_call_and_comes_back_to_its_place() -> None:
    seen: list[int] = []

    def encode(pictures: Tensor) -> Encoding:
        seen.append(len(pictures))
        return Encoding(torch.stack([pictures.amax((1, 2, 3)), pictures.mean((1, 2, 3))], dim=-1))

    face = torch.arange(24.0).reshape(2, 4, 3, 1, 1)
    context = 100 + torch.arange(12.0).reshape(2, 2, 3, 1, 1)
    result = frame_features(encode, {"face": face, "context": context})
    assert seen == [12]
    assert result["face"].shape == (2, 4, 2) and result["context"].shape == (2, 2, 2)
    assert torch.equal(result["face"][..., 0], face.amax((2, 3, 4)))
    assert torch.equal(result["context"][..., 0], context.amax((2, 3, 4)))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="got no stream"):
        frame_features(Encoding, {})
    with pytest.raises(ValueError, match="the stream 'face' of shape"):
        frame_features(Encoding, {"context": torch.zeros(1, 2, 3, 8, 8), "face": torch.zeros(1, 2, 3, 9, 8)})

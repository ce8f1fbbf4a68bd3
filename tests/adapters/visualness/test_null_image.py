from __future__ import annotations

import pytest
import torch

from affectkit.adapters.visualness import NullImage
from affectkit.encoders.clip import clip_base

BASE = clip_base("tiny")


def test_noise_is_bytes_of_a_seed_and_part_of_the_state() -> None:
    null, again, other = NullImage(BASE, seed=3), NullImage(BASE, seed=3), NullImage(BASE, seed=4)
    assert null.pixels is not None and again.pixels is not None and other.pixels is not None
    assert null.pixels.dtype == torch.uint8 and tuple(null.pixels.shape) == (3, *BASE.image.image_size)
    assert torch.equal(null.pixels, again.pixels) and not torch.equal(null.pixels, other.pixels)
    assert len(set(null.pixels.flatten().tolist())) > 200
    assert set(null.state_dict()) == {"pixels"} and not list(null.parameters())
    other.load_state_dict(null.state_dict())
    assert other.pixels is not None and torch.equal(null.pixels, other.pixels)


def test_the_picture_is_normalised_as_the_weights_want() -> None:
    null = NullImage(BASE)
    assert null.pixels is not None
    picture = null.picture(BASE)
    mean, std = BASE.normalization
    for channel in range(3):
        expected = (null.pixels[channel].float() / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(picture[0, channel], expected)
    black = NullImage(BASE, kind="black").picture(BASE)
    assert torch.unique(black[0, 0]).tolist() == pytest.approx([-mean[0] / std[0]])


def test_a_vector_has_no_picture() -> None:
    null = NullImage(BASE, kind="vector")
    assert null.vector is not None and null.vector.shape == (BASE.embed_dim,)
    assert set(null.state_dict()) == {"vector"}
    with pytest.raises(ValueError, match="has no picture"):
        null.picture(BASE)
    with pytest.raises(ValueError, match="kind='white'"):
        NullImage(BASE, kind="white")  # type: ignore[arg-type]

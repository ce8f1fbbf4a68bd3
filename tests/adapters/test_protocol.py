"""Prompt learners are what tasks and tools ask for, as the type checker sees it."""

from __future__ import annotations

import pytest
import torch

from affectkit.adapters import ClipAdapter, CoCoOp, CoOp, DescriptorPrompts, MaPLe, ZeroShot
from affectkit.encoders.clip import ClipBase, clip_base
from affectkit.types import Encoder, Head

NAMES = ("joy", "anger")


def adapters(base: ClipBase) -> list[ClipAdapter]:
    zero: ZeroShot = ZeroShot(base, NAMES)
    return [zero, CoOp(base, NAMES), DescriptorPrompts(base, NAMES), CoCoOp(base, NAMES), MaPLe(base, NAMES)]


@pytest.mark.parametrize("name", ["tiny", "tiny-siglip", "tiny-coca"])
def test_pictures_to_logits_for_each_family(name: str) -> None:
    base = clip_base(name)
    images = torch.rand(2, 3, *base.image.image_size)
    for adapter in adapters(base):
        logits = adapter(adapter.encode(images)).logits
        assert logits is not None and logits.shape == (2, 2) and bool(logits.isfinite().all())


def test_a_resnet_serves_all_that_prompt_the_text_alone() -> None:
    base = clip_base("tiny-resnet")
    images = torch.rand(2, 3, 64, 64)
    for adapter in (ZeroShot(base, NAMES), CoOp(base, NAMES), CoCoOp(base, NAMES)):
        assert adapter(adapter.encode(images)).logits.shape == (2, 2)


def test_they_are_heads_and_the_tower_is_an_encoder() -> None:
    base = clip_base("tiny")
    tower: Encoder = base.image
    heads: list[Head] = [CoOp(base, NAMES), MaPLe(base, NAMES)]
    features = tower(torch.rand(1, 3, 32, 32))
    assert [head(features).embedding is features.pooled for head in heads] == [True, True]
